#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "clients/leecher/cli/commands/commands.h"
#include "clients/leecher/cli/commands/get_request.h"
#include "clients/leecher/cli/commands/serving.h"
#include "clients/leecher/cli/commands/tracker_messages.h"
#include "clients/leecher/cli/terminal/console.h"
#include "clients/leecher/cli/terminal/event_teller.h"
#include "clients/leecher/cli/terminal/on_complete.h"
#include "clients/leecher/cli/terminal/progress_line.h"
#include "clients/leecher/cli/terminal/question.h"
#include "clients/leecher/cli/terminal/summary.h"
#include "clients/leecher/cli/terminal/terminal_text.h"
#include "clients/leecher/session/downloads.h"
#include "clients/leecher/session/json_events.h"
#include "shoal/base/clock.h"
#include "shoal/base/status_macros.h"
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

// One `get` from its start to its exit code: the command line as a viewer of Downloads. Everything here happens
// on the main thread.
class Get {
 public:
  Get(const GetOptions& options, Interrupts& interrupts)
      : options_(options), interrupts_(interrupts), console_(VoiceOf(options)) {}

  ExitCode Run() {
    absl::StatusOr<std::unique_ptr<service::HealthEndpoint>> health = StartHealth(options_.serve.grpc);
    if (!health.ok()) return Fail(health.status(), ExitCode::kOther);
    absl::StatusOr<std::unique_ptr<Downloads>> downloads = StartDownloads();
    if (!downloads.ok()) return Fail(downloads.status(), ExitCode::kOther);
    downloads_ = *std::move(downloads);

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
  // What the screen remembers of one download.
  struct View {
    DownloadKey key;
    EventTeller teller;
    std::string last_progress;
  };

  absl::StatusOr<std::unique_ptr<Downloads>> StartDownloads() {
    Downloads::Options options;
    options.runtime.self = RandomPeerId();
    options.runtime.site = options_.serve.site;
    options.runtime.limits = {std::make_shared<net::RateLimit>(options_.limit_down_bytes_per_second),
                              std::make_shared<net::RateLimit>(options_.limit_up_bytes_per_second)};
    options.runtime.make_tracker_client = tracking::MakeTrackerClient;
    options.wake = [this] { interrupts_.Nudge(); };
    SHOAL_ASSIGN_OR_RETURN(options.serving, ServingFrom(options_.serve, messages_));
    return Downloads::Start(std::move(options));
  }

  void Note(ExitCode code) {
    if (exit_code_ == ExitCode::kOk) exit_code_ = code;  // the first failure is the one that is reported
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
    const RateLimits& limits = downloads_->limits();
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
    views_.push_back({downloads_->Add(content, *std::move(request)), {}, {}});
  }

  const DownloadRecord& RecordOf(const View& view) const { return downloads_->record(view.key); }

  // Until every download has ended.
  void Watch() {
    absl::Duration drawn = -absl::InfiniteDuration();
    absl::Duration told = Clock::Real().Uptime();
    while (!downloads_->all_finished()) {
      interrupts_.Wait(kRedraw);
      if (interrupts_.signal() != 0 && !stopped_) {
        stopped_ = true;
        for (const View& view : views_) downloads_->Stop(view.key);
      }
      PauseAsWanted();
      for (const Downloads::Event& event : downloads_->TakeEvents()) Handle(event);
      messages_.Print(console_, false);
      const absl::Duration now = Clock::Real().Uptime();
      for (const View& view : views_) downloads_->GiveUpAfter(view.key, options_.wait, now);
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
    for (const View& view : views_) {
      if (paused_) {
        downloads_->Pause(view.key);
      } else {
        downloads_->Resume(view.key);
      }
    }
  }

  void ShowProgress(bool line_is_due) {
    std::vector<std::string> lines;
    LineStyle style = console_.style();
    for (const View& view : views_)
      style.label_width = std::max(style.label_width, DisplayWidth(RecordOf(view).label()));
    for (View& view : views_) {
      const DownloadRecord& record = RecordOf(view);
      if (record.finished()) continue;
      const DownloadStatus status = downloads_->status(view.key);
      if (console_.live()) lines.push_back(ProgressLine(status, record.label(), style));
      if (console_.json() && IsNews(view, status))
        console_.Object(JsonProgress(record.argument(), status, Clock::Real().Now()));
      if (line_is_due && !console_.live()) console_.Say(ProgressText(status, record.label()));
    }
    const size_t room = static_cast<size_t>(console_.max_live_lines());
    if (lines.size() > room) {
      const size_t hidden = lines.size() - room + 1;
      lines.resize(room - 1);
      lines.push_back(absl::StrCat("and ", hidden, " more"));
    }
    if (console_.live() && !lines.empty()) console_.Draw(lines);
  }

  // `status` says something that the last one did not, so that a line of it is worth printing.
  static bool IsNews(View& view, const DownloadStatus& status) {
    std::string progress = JsonProgress("", status, absl::UnixEpoch());
    if (progress == view.last_progress) return false;
    view.last_progress = std::move(progress);
    return true;
  }

  void Handle(const Downloads::Event& event) {
    // Keys count up from 0, and nothing is removed while this watches.
    View& view = views_[event.download.value()];
    const DownloadRecord& record = RecordOf(view);
    console_.Object(JsonEvent(record.argument(), event.event, Clock::Real().Now()));
    if (std::holds_alternative<DownloadFinished>(event.event)) {
      Finish(view);
      return;
    }
    // The reason for waiting stands in the live line.
    const bool in_live_line = console_.live() && std::holds_alternative<Waiting>(event.event);
    const std::optional<std::string> told = view.teller.Tell(event.event);
    if (told.has_value() && !in_live_line) console_.Say(absl::StrCat(Printable(record.label()), ": ", *told));
  }

  void Finish(const View& view) {
    const DownloadRecord& record = RecordOf(view);
    const DownloadStatus status = downloads_->status(view.key);
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

  // Serves what is wanted to be served; withdraws the rest.
  void ServeAfterwards() {
    std::vector<std::string> names;
    std::vector<DownloadKey> unwanted;
    for (const View& view : views_) {
      const DownloadRecord& record = RecordOf(view);
      if (record.outcome().ok() && WantsToServe(record)) {
        names.push_back(record.label());
      } else {
        unwanted.push_back(view.key);
      }
    }
    if (names.empty() || interrupts_.signal() != 0) return;
    for (const DownloadKey download : unwanted) downloads_->Remove(download);
    // The downloads have ended, and stop looking up peers; their contents are served on.
    for (const DownloadKey download : downloads_->List()) downloads_->Release(download);
    ServeOn(*downloads_->serving(), names, options_.seed.value_or(absl::InfiniteDuration()), messages_,
            console_, interrupts_);
  }

  bool WantsToServe(const DownloadRecord& record) {
    if (downloads_->serving() == nullptr || interrupts_.signal() != 0) return false;
    if (options_.seed.has_value()) return *options_.seed > absl::ZeroDuration();
    return console_.can_ask() &&
           AskYesNo(console_, interrupts_,
                    absl::StrCat("Become a seeder for ", Printable(record.label()), "?"));
  }

  const GetOptions& options_;
  Interrupts& interrupts_;
  Console console_;
  TrackerMessages messages_;
  std::unique_ptr<Downloads> downloads_;
  std::vector<View> views_;  // in the order of the arguments
  bool stopped_ = false;
  bool paused_ = false;
  ExitCode exit_code_ = ExitCode::kOk;
};

}  // namespace

ExitCode RunGet(const GetOptions& options, Interrupts& interrupts) {
  return Get(options, interrupts).Run();
}

}  // namespace shoal::leecher
