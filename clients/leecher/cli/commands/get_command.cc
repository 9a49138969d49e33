#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "clients/leecher/cli/commands/commands.h"
#include "clients/leecher/cli/commands/download_view.h"
#include "clients/leecher/cli/commands/get_request.h"
#include "clients/leecher/cli/commands/health.h"
#include "clients/leecher/cli/commands/serving.h"
#include "clients/leecher/cli/commands/tracker_messages.h"
#include "clients/leecher/cli/terminal/console.h"
#include "clients/leecher/cli/terminal/on_complete.h"
#include "clients/leecher/cli/terminal/progress_line.h"
#include "clients/leecher/cli/terminal/question.h"
#include "clients/leecher/cli/terminal/summary.h"
#include "clients/leecher/cli/terminal/terminal_text.h"
#include "clients/leecher/session/event_queue.h"
#include "clients/leecher/session/json_events.h"
#include "clients/leecher/session/reseeder.h"
#include "shoal/base/clock.h"
#include "shoal/base/units.h"
#include "shoal/tracking/client/tracker_client.h"

namespace shoal::leecher {
namespace {

constexpr absl::Duration kRedraw = absl::Milliseconds(200);
constexpr absl::Duration kLineEvery = absl::Seconds(5);

Console::Voice VoiceOf(const GetOptions& options) {
  if (options.json) return Console::Voice::kJson;
  return options.quiet ? Console::Voice::kQuiet : Console::Voice::kNormal;
}

// One `get` from its start to its exit code. Everything here happens on the main thread; the downloads'
// events come to it through a queue.
class Get {
 public:
  Get(const GetOptions& options, Interrupts& interrupts)
      : options_(options),
        interrupts_(interrupts),
        console_(VoiceOf(options)),
        runtime_({.self = RandomPeerId(),
                  .site = options.serve.site,
                  .limits = {std::make_shared<net::RateLimit>(options.limit_down_bytes_per_second),
                             std::make_shared<net::RateLimit>(options.limit_up_bytes_per_second)},
                  .make_tracker_client = tracking::MakeTrackerClient}),
        queue_([this] { interrupts_.Nudge(); }) {}

  ExitCode Run() {
    absl::StatusOr<std::unique_ptr<Health>> health = Health::Start(options_.serve.grpc);
    if (!health.ok()) return Fail(health.status(), ExitCode::kOther);
    absl::StatusOr<std::unique_ptr<Reseeder>> reseeder = StartServing(
        options_.serve, runtime_.self(), runtime_.limits().up,
        [this](const tracking::TrackerUrl& tracker) { return runtime_.ClientAt(tracker); },
        messages_.OnTracker(), messages_.OnRejected());
    if (!reseeder.ok()) return Fail(reseeder.status(), ExitCode::kOther);
    reseeder_ = *std::move(reseeder);

    TellLimits();
    for (const std::string& content : options_.contents) StartDownload(content);
    if (!views_.empty()) {
      interrupts_.Catch();
      Watch();
    }
    ServeAfterwards();
    return exit_code_;
  }

 private:
  void Note(ExitCode code) {
    if (exit_code_ == ExitCode::kOk) exit_code_ = code;  // the first failure is the one that is told
  }

  ExitCode Fail(const absl::Status& error, ExitCode code) {
    console_.Error(absl::StrCat("shoal-leecher: ", Printable(std::string(error.message()))));
    console_.Object(JsonError(error, code, Clock::Real().Now()));
    return code;
  }

  void TellLimits() {
    const auto text = [](const net::RateLimit& limit) {
      return limit.limited() ? FormatRate(static_cast<double>(limit.bytes_per_second()))
                             : std::string("none");
    };
    const RateLimits& limits = runtime_.limits();
    if (!limits.down->limited() && !limits.up->limited()) return;
    console_.Say(absl::StrCat("limits: down ", text(*limits.down), ", up ", text(*limits.up)));
  }

  void StartDownload(const std::string& content) {
    absl::StatusOr<DownloadOptions> request = MakeGetRequest(content, options_);
    if (!request.ok()) {
      Note(
          Fail(absl::Status(request.status().code(), absl::StrCat(content, ": ", request.status().message())),
               ExitCodeFor(request.status(), {.several_contents = true})));
      return;
    }
    request->listen_port = reseeder_ != nullptr ? reseeder_->port() : 0;
    if (reseeder_ != nullptr) {
      request->uploads = [reseeder = reseeder_.get()](const ContentId& id) {
        return reseeder->content_totals(id);
      };
      request->on_gained = [reseeder = reseeder_.get()](const ContentId& id,
                                                        const std::vector<ChunkIndex>& chunks) {
        reseeder->Gained(id, chunks);
      };
      request->on_bad_peer = [reseeder = reseeder_.get()](const ContentId& id, const PeerId& peer,
                                                          tracking::PeerReport::Reason reason) {
        reseeder->Report(id, peer, reason);
      };
    }
    views_.push_back(std::make_unique<DownloadView>(content, request->trackers, Clock::Real().Uptime()));
    views_.back()->Attach(
        Download::Start(runtime_, *std::move(request), queue_.ObserverFor(views_.size() - 1)));
  }

  // Until every download is over.
  void Watch() {
    absl::Duration drawn = -absl::InfiniteDuration();
    absl::Duration told = Clock::Real().Uptime();
    while (std::any_of(views_.begin(), views_.end(),
                       [](const auto& view) { return !view->record().finished(); })) {
      interrupts_.Wait(kRedraw);
      if (interrupts_.signal() != 0 && !stopped_) {
        stopped_ = true;
        for (const auto& view : views_) view->download().Stop();
      }
      PauseAsWanted();
      for (const EventQueue::Entry& entry : queue_.TakeAll()) Handle(*views_[entry.download], entry.event);
      messages_.Print(console_, false);
      const absl::Duration now = Clock::Real().Uptime();
      for (const auto& view : views_) view->GiveUpAfter(options_.wait, now);
      if (now - drawn >= kRedraw) {
        ShowProgress(now - told >= kLineEvery);
        if (now - told >= kLineEvery) told = now;
        drawn = now;
      }
    }
    console_.EndDraw(false);
  }

  void PauseAsWanted() {
    if (interrupts_.pause_wanted() == paused_) return;
    paused_ = !paused_;
    for (const auto& view : views_) {
      if (paused_) {
        view->download().Pause();
      } else {
        view->download().Resume();
      }
    }
  }

  void ShowProgress(bool line_is_due) {
    std::vector<std::string> lines;
    LineStyle style = console_.style();
    for (const auto& view : views_)
      style.label_width = std::max(style.label_width, DisplayWidth(view->record().label()));
    for (const auto& view : views_) {
      if (view->record().finished()) continue;
      const DownloadStatus status = view->download().status();
      if (console_.live()) lines.push_back(ProgressLine(status, view->record().label(), style));
      if (console_.json() && view->IsNews(status))
        console_.Object(JsonProgress(view->record().argument(), status, Clock::Real().Now()));
      if (line_is_due && !console_.live()) console_.Say(ProgressText(status, view->record().label()));
    }
    const size_t room = static_cast<size_t>(console_.max_live_lines());
    if (lines.size() > room) {
      const size_t hidden = lines.size() - room + 1;
      lines.resize(room - 1);
      lines.push_back(absl::StrCat("and ", hidden, " more"));
    }
    if (console_.live() && !lines.empty()) console_.Draw(lines);
  }

  void Handle(DownloadView& view, const DownloadEvent& event) {
    view.Observe(event, Clock::Real().Uptime());
    console_.Object(JsonEvent(view.record().argument(), event, Clock::Real().Now()));
    if (std::holds_alternative<DownloadFinished>(event)) {
      Finish(view);
      return;
    }
    // What makes a download wait stands in its live line.
    const bool in_live_line = console_.live() && std::holds_alternative<Waiting>(event);
    const std::optional<std::string> told = view.Tell(event);
    if (told.has_value() && !in_live_line)
      console_.Say(absl::StrCat(Printable(view.record().label()), ": ", *told));
    if (reseeder_ != nullptr && std::holds_alternative<DownloadStarted>(event)) {
      if (auto source = view.download().source()) reseeder_->Serve(std::move(source), view.trackers());
    }
  }

  void Finish(DownloadView& view) {
    const DownloadRecord& record = view.record();
    const DownloadStatus status = view.download().status();
    ExitCode code = ExitCodeFor(record.outcome(), {.tracker_answered = record.tracker_answered(),
                                                   .several_contents = !record.candidates().empty(),
                                                   .signal = interrupts_.signal()});
    if (record.outcome().ok()) {
      if (console_.live()) console_.Say(ProgressLine(status, record.label(), console_.style()));
      bool first = true;
      for (const std::string& line : SummaryLines(record, status, console_.style().width)) {
        if (first) {
          console_.Headline(line);
        } else {
          console_.Say(line);
        }
        first = false;
      }
      if (!options_.on_complete.empty() && !RunsOnComplete(record, status))
        code = ExitCode::kOnCompleteFailed;
    } else {
      for (const std::string& line :
           FailureLines(record, status, Clock::Real().Now(), console_.style().width)) {
        console_.Error(line);
      }
    }
    console_.Object(JsonFinished(record, status, code, Clock::Real().Now()));
    Note(code);
  }

  bool RunsOnComplete(const DownloadRecord& record, const DownloadStatus& status) {
    std::error_code ignored;
    const std::filesystem::path path = std::filesystem::absolute(record.target_path(), ignored);
    console_.EndDraw(false);  // the command may print
    const absl::Status ran = RunOnComplete(
        options_.on_complete, {path.lexically_normal().string(), status.content_id.ToHex(), status.name},
        console_.json());
    if (ran.ok()) return true;
    console_.Error(absl::StrCat("shoal-leecher: ", Printable(record.label()),
                                ": the command of --on-complete failed: ", ran.message()));
    return false;
  }

  // Whoever wants to serve on does; everything else is withdrawn.
  void ServeAfterwards() {
    std::vector<std::string> names;
    std::vector<ContentId> unwanted;
    for (const auto& view : views_) {
      const DownloadRecord& record = view->record();
      if (record.outcome().ok() && WantsToServe(record)) {
        names.push_back(record.label());
      } else {
        unwanted.push_back(view->download().status().content_id);
      }
    }
    // The reseeder holds what it serves; the downloads are done, and stop asking trackers.
    views_.clear();
    if (names.empty() || interrupts_.signal() != 0) return;
    for (const ContentId& content : unwanted) reseeder_->Withdraw(content);
    ServeOn(*reseeder_, names, options_.seed.value_or(absl::InfiniteDuration()), messages_, console_,
            interrupts_);
  }

  bool WantsToServe(const DownloadRecord& record) {
    if (reseeder_ == nullptr || interrupts_.signal() != 0) return false;
    if (options_.seed.has_value()) return *options_.seed > absl::ZeroDuration();
    return console_.can_ask() &&
           AskYesNo(console_, interrupts_,
                    absl::StrCat("Become a seeder for ", Printable(record.label()), "?"));
  }

  const GetOptions& options_;
  Interrupts& interrupts_;
  Console console_;
  DownloadRuntime runtime_;  // outlives the downloads and what serves them
  TrackerMessages messages_;
  EventQueue queue_;
  std::unique_ptr<Reseeder> reseeder_;                // outlives the downloads, which report to it
  std::vector<std::unique_ptr<DownloadView>> views_;  // in the order of the arguments
  bool stopped_ = false;
  bool paused_ = false;
  ExitCode exit_code_ = ExitCode::kOk;
};

}  // namespace

ExitCode RunGet(const GetOptions& options, Interrupts& interrupts) {
  return Get(options, interrupts).Run();
}

}  // namespace shoal::leecher
