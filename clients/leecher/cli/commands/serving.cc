#include "clients/leecher/cli/commands/serving.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "clients/leecher/cli/commands/serving_text.h"
#include "clients/leecher/cli/terminal/terminal_text.h"
#include "shoal/base/clock.h"
#include "shoal/base/status_macros.h"
#include "shoal/tracking/client/tracker_client.h"

namespace shoal::leecher {
namespace {

constexpr absl::Duration kServingRedraw = absl::Milliseconds(500);
constexpr absl::Duration kJsonEvery = absl::Seconds(5);
constexpr absl::Duration kServingLineEvery = absl::Seconds(30);

}  // namespace

absl::StatusOr<std::optional<Downloads::Serving>> ServingFrom(const ServeOptions& options,
                                                              TrackerMessages& messages) {
  std::optional<Downloads::Serving> serving;
  if (!options.listen.has_value()) return serving;
  serving.emplace();
  SHOAL_ASSIGN_OR_RETURN(serving->listen.ip, ResolveHost(options.listen->host));
  serving->listen.port = options.listen->port;
  if (!options.advertise.empty()) {
    SHOAL_ASSIGN_OR_RETURN(serving->advertise, ResolveHost(options.advertise));
  }
  serving->on_tracker = messages.OnTracker();
  serving->on_rejected = messages.OnRejected();
  return serving;
}

absl::StatusOr<std::unique_ptr<service::HealthEndpoint>> StartHealth(const std::optional<HostPort>& address) {
  if (!address.has_value()) return std::unique_ptr<service::HealthEndpoint>();
  Endpoint listen;
  SHOAL_ASSIGN_OR_RETURN(listen.ip, ResolveHost(address->host));
  listen.port = address->port;
  SHOAL_ASSIGN_OR_RETURN(std::unique_ptr<service::HealthEndpoint> health,
                         service::OpenHealthEndpoint(listen));
  health->SetServing(true);
  return health;
}

void ServeOn(const Reseeder& reseeder, const std::vector<std::string>& names, absl::Duration duration,
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
  absl::Duration reported = -absl::InfiniteDuration();
  std::string last_line;
  while (interrupts.signal() == 0 && clock.Uptime() - start < duration) {
    const absl::Duration passed = clock.Uptime() - start;
    messages.Print(console, true);
    const ServingStatus serving = observe();
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
      // What does not change need not fill a log.
      const std::string line = ServingText(serving, std::nullopt);
      if (line != last_line) console.Say(absl::StrCat("serving: ", text));
      last_line = line;
      reported = passed;
    }
    interrupts.Wait(std::min(kServingRedraw, duration - passed));
  }
  const ServingStatus served = observe();
  console.EndDraw(false);
  console.Say(ServedText(served, clock.Uptime() - start));
  console.Object(JsonServing(served, true, clock.Now()));
}

}  // namespace shoal::leecher
