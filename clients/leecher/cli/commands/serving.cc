#include "clients/leecher/cli/commands/serving.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "clients/leecher/cli/commands/commands.h"
#include "clients/leecher/cli/terminal/event_text.h"
#include "clients/leecher/cli/terminal/progress_line.h"
#include "clients/leecher/cli/terminal/terminal_text.h"
#include "clients/leecher/session/json_events.h"
#include "shoal/base/clock.h"
#include "shoal/base/status_macros.h"
#include "shoal/base/units.h"
#include "shoal/service/open_listeners.h"
#include "shoal/service/serving_pages.h"
#include "shoal/tracking/announce/advertised_addresses.h"
#include "shoal/tracking/client/tracker_client.h"

namespace shoal::leecher {
namespace {

constexpr absl::Duration kServingRedraw = absl::Milliseconds(500);
constexpr absl::Duration kJsonEvery = absl::Seconds(5);
constexpr absl::Duration kServingLineEvery = absl::Seconds(30);
constexpr absl::Duration kHealthCheckTimeout = absl::Seconds(2);

}  // namespace

std::function<void(const tracking::TrackerUrl&, const absl::Status&)> TrackerMessages::OnTracker() {
  return [this](const tracking::TrackerUrl& tracker, const absl::Status& status) {
    std::string text = DescribeTracker(tracker, status);
    MutexLock lock(&mutex_);
    messages_.push_back({std::move(text), true});
  };
}

std::function<void(const tracking::ContentSummary&, const absl::Status&)> TrackerMessages::OnRejected() {
  return [this](const tracking::ContentSummary& content, const absl::Status& why) {
    std::string text = absl::StrCat(
        "a tracker rejects ", Printable(content.name),
        ", so peers that ask it do not find this process: ", Printable(std::string(why.message())));
    MutexLock lock(&mutex_);
    messages_.push_back({std::move(text), false});
  };
}

std::function<void(const tracking::ContentSummary&, const absl::Status&)> TrackerMessages::OnBroken() {
  return [this](const tracking::ContentSummary& content, const absl::Status& why) {
    std::string text = absl::StrCat(
        Printable(content.name),
        " is no longer served, because it can't be read: ", Printable(std::string(why.message())));
    MutexLock lock(&mutex_);
    messages_.push_back({std::move(text), false});
  };
}

void TrackerMessages::Print(Console& console, bool with_reachability) {
  std::vector<Message> messages;
  {
    MutexLock lock(&mutex_);
    messages.swap(messages_);
  }
  for (const Message& message : messages) {
    if (!message.reachability) {
      console.Error(message.text);
    } else if (with_reachability) {
      console.Say(message.text);
    }
  }
}

absl::StatusOr<std::optional<Downloads::Serving>> ServingFrom(const ServeOptions& options,
                                                              TrackerMessages& messages) {
  std::optional<Downloads::Serving> serving;
  if (!options.listen.has_value()) return serving;
  serving.emplace();
  SHOAL_ASSIGN_OR_RETURN(serving->listen, ResolveListener(*options.listen));
  if (!options.advertise.empty()) {
    SHOAL_ASSIGN_OR_RETURN(const std::vector<HostPort> hosts, tracking::ParseAdvertised(options.advertise));
    SHOAL_ASSIGN_OR_RETURN(serving->advertise, tracking::ResolveAdvertised(hosts));
  }
  serving->on_tracker = messages.OnTracker();
  serving->on_rejected = messages.OnRejected();
  serving->on_broken = messages.OnBroken();
  return serving;
}

std::string WhoMayFetch(const std::optional<Endpoint>& listens_at, const ServeOptions& options,
                        const net::TlsContext* tls) {
  if (!listens_at.has_value()) return "";
  return service::DescribeOpenListeners(
      {{.at = *listens_at, .tls = tls, .asks_for_permit = options.ticket_issuers.has_value()}},
      "fetch what is served here");
}

absl::StatusOr<std::unique_ptr<service::HealthEndpoint>> StartHealth(const std::optional<HostPort>& address) {
  if (!address.has_value()) return std::unique_ptr<service::HealthEndpoint>();
  SHOAL_ASSIGN_OR_RETURN(const Endpoint listen, ResolveListener(*address));
  SHOAL_ASSIGN_OR_RETURN(std::unique_ptr<service::HealthEndpoint> health,
                         service::OpenHealthEndpoint(listen));
  health->SetServing(true);
  return health;
}

absl::StatusOr<std::unique_ptr<service::HttpServer>> StartHttp(const std::optional<HostPort>& address,
                                                               const std::shared_ptr<net::TlsContext>& tls,
                                                               const Downloads& downloads, Console& console) {
  if (!address.has_value()) return std::unique_ptr<service::HttpServer>();
  service::HttpServer::Options options;
  SHOAL_ASSIGN_OR_RETURN(options.listen, ResolveListener(*address));
  options.tls = tls;
  SHOAL_ASSIGN_OR_RETURN(
      std::unique_ptr<service::HttpServer> http,
      service::HttpServer::Start(options, service::ServingPages("shoal_leecher", SHOAL_VERSION, [&downloads] {
                                   return downloads.figures();
                                 })));
  console.Say(absl::StrCat("metrics and health on HTTP port ", http->port()));
  console.Object(JsonHttp(http->port(), Clock::Real().Now()));
  return http;
}

bool ServeOn(const Reseeder& reseeder, const std::vector<std::string>& names, absl::Duration duration,
             TrackerMessages& messages, Console& console, Interrupts& interrupts) {
  const Clock& clock = Clock::Real();
  const absl::Duration start = clock.Uptime();
  const uint64_t sent_before = reseeder.totals().sent_bytes;
  const uint64_t chunks_before = reseeder.totals().sent_chunks;
  uint64_t sent_last = sent_before;
  absl::Duration measured = start;
  double rate = 0;

  const auto observe = [&] {
    const Reseeder::Totals totals = reseeder.totals();
    const absl::Duration now = clock.Uptime();
    if (now - measured >= kServingRedraw) {
      // Smoothed over about two seconds.
      const double latest =
          static_cast<double>(totals.sent_bytes - sent_last) / absl::ToDoubleSeconds(now - measured);
      rate = 0.75 * rate + 0.25 * latest;
      if (rate < 1) rate = 0;
      sent_last = totals.sent_bytes;
      measured = now;
    }
    return ServingStatus{.port = reseeder.port(),
                         .contents = totals.contents,
                         .peers = totals.peers,
                         .sent_bytes = totals.sent_bytes - sent_before,
                         .sent_chunks = totals.sent_chunks - chunks_before,
                         .rate_bytes_per_second = rate,
                         .trackers_told = totals.trackers_told,
                         .trackers = totals.trackers};
  };

  std::vector<std::string> shown;
  for (const std::string& name : names) shown.push_back(Printable(name));
  console.Headline(absl::StrCat("Serving ", absl::StrJoin(shown, ", "), " on port ", reseeder.port(),
                                console.live() ? " (Ctrl-C to stop)" : ""));
  if (!reseeder.warning().empty()) console.Say(Printable(reseeder.warning()));
  absl::Duration reported = -absl::InfiniteDuration();
  std::string last_line;
  bool broken = false;
  while (interrupts.signal() == 0 && !console.reader_gone() && clock.Uptime() - start < duration) {
    const absl::Duration passed = clock.Uptime() - start;
    messages.Print(console, true);
    const ServingStatus serving = observe();
    broken = serving.contents == 0;
    if (broken) break;
    std::optional<absl::Duration> left;
    if (duration != absl::InfiniteDuration()) left = duration - passed;
    const std::string text = ServingText(serving, left);
    if (console.live()) {
      console.Draw({CutEnd(absl::StrCat("  ", text), console.style().width)});
    } else if (console.json()) {
      if (passed - reported >= kJsonEvery) {
        console.Object(JsonServing(serving, false, clock.Now()));
        reported = passed;
      }
    } else if (passed - reported >= kServingLineEvery) {
      // A log gets a line when something has changed.
      const std::string line = ServingText(serving, std::nullopt);
      if (line != last_line) console.Say(absl::StrCat("serving: ", text));
      last_line = line;
      reported = passed;
    }
    interrupts.Wait(std::min(kServingRedraw, duration - passed));
  }
  const ServingStatus served = observe();
  console.EndDraw(false);
  messages.Print(console, true);
  console.Say(ServedText(served, clock.Uptime() - start));
  console.Object(JsonServing(served, true, clock.Now()));
  return !broken;
}

std::string ServingText(const ServingStatus& serving, std::optional<absl::Duration> left) {
  std::vector<std::string> words = {Plural(serving.peers, "peer"), FormatBytes(serving.sent_bytes) + " sent",
                                    FormatRate(serving.rate_bytes_per_second)};
  if (serving.trackers_told < serving.trackers) {
    words.push_back(
        absl::StrCat("registered with ", serving.trackers_told, " of ", Plural(serving.trackers, "tracker")));
  }
  if (left.has_value()) words.push_back(FormatTimeLeft(*left));
  return absl::StrJoin(words, ", ");
}

std::string ServedText(const ServingStatus& serving, absl::Duration took) {
  return absl::StrCat("served for ", shoal::FormatDuration(took), ": ", FormatBytes(serving.sent_bytes),
                      " in ", Plural(serving.sent_chunks, "chunk"));
}

ExitCode RunHealthCheck(const HealthCheckOptions& options) {
  const absl::Status health = service::CheckHealth(options.target, kHealthCheckTimeout);
  if (health.ok()) return ExitCode::kOk;
  Console console(Console::Voice::kQuiet);
  return console.Fail(health, ExitCode::kOther);
}

}  // namespace shoal::leecher
