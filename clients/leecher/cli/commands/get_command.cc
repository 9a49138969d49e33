#include <algorithm>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "clients/leecher/cli/commands/commands.h"
#include "clients/leecher/cli/commands/connecting.h"
#include "clients/leecher/cli/commands/manifest_query.h"
#include "clients/leecher/cli/commands/serving.h"
#include "clients/leecher/cli/commands/tracker_queries.h"
#include "clients/leecher/cli/terminal/download_screen.h"
#include "clients/leecher/cli/terminal/on_complete.h"
#include "clients/leecher/cli/terminal/terminal_text.h"
#include "clients/leecher/session/downloads.h"
#include "clients/leecher/session/json_events.h"
#include "shoal/base/clock.h"
#include "shoal/base/error_cause.h"
#include "shoal/base/output_path.h"
#include "shoal/base/status_macros.h"
#include "shoal/content/manifest/manifest_file.h"

namespace shoal::leecher {
namespace {

constexpr absl::Duration kWakeInterval = absl::Milliseconds(200);
constexpr absl::Duration kResolveInterval = absl::Seconds(1);

// Whether -o names the file of the only content, if that is a single file: an existing file, or a new path
// with a suffix, such as new.bin.
bool NamesFile(const GetOptions& options) {
  const std::filesystem::path path(options.output_folder);
  if (options.contents.size() != 1 || !path.has_filename()) return false;
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  if (std::filesystem::exists(status)) return !std::filesystem::is_directory(status);
  return path.has_extension();
}

// One `get` from its start to its exit code: the command line as a viewer of Downloads. Main thread only.
class Get {
 public:
  Get(const GetOptions& options, Interrupts& interrupts)
      : options_(options),
        interrupts_(interrupts),
        console_(Console::VoiceFor(options.json, options.quiet)),
        screen_(console_) {}

  ExitCode Run() {
    if (const absl::Status output = CheckGetOutput(options_); !output.ok()) {
      return console_.Fail(output, ExitCodeFor(output));
    }
    absl::StatusOr<std::unique_ptr<service::HealthEndpoint>> health = StartHealth(options_.serve.grpc);
    if (!health.ok()) return console_.Fail(health.status(), ExitCode::kOther);
    absl::StatusOr<std::unique_ptr<Downloads>> downloads = StartDownloads();
    if (!downloads.ok()) return console_.Fail(downloads.status(), ExitCodeFor(downloads.status()));
    downloads_ = *std::move(downloads);
    const auto http = StartHttp(options_.serve.http, options_.tls, *downloads_, console_);
    if (!http.ok()) return console_.Fail(http.status(), ExitCode::kOther);

    screen_.ShowLimits(downloads_->limits());
    std::set<std::string> started;
    for (const std::string& content : options_.contents) {
      if (started.insert(content).second) StartDownload(content);
    }
    if (!keys_.empty()) {
      SayWhoMayFetch();
      interrupts_.Catch();
      Watch();
    }
    ServeAfterwards();
    return console_.End(exit_code_);
  }

 private:
  absl::StatusOr<std::unique_ptr<Downloads>> StartDownloads() {
    Downloads::Options options;
    options.runtime.site = options_.serve.site;
    options.runtime.limits = {std::make_shared<net::RateLimit>(options_.limit_down_bytes_per_second),
                              std::make_shared<net::RateLimit>(options_.limit_up_bytes_per_second)};
    SHOAL_ASSIGN_OR_RETURN(const Connections connections,
                           OpenConnections(options_.tracker_token_file, options_.trackers, options_.tls,
                                           options_.serve.ticket_issuers));
    ConnectOver(connections, &options);
    options.wake = [this] { interrupts_.Nudge(); };
    SHOAL_ASSIGN_OR_RETURN(options.serving, HowToServe());
    return Downloads::Start(std::move(options));
  }

  // Names of this machine's own addresses may not be known yet, as when machines boot together: they are
  // waited for as long as a content is.
  absl::StatusOr<std::optional<Downloads::Serving>> HowToServe() {
    const Clock& clock = Clock::Real();
    const absl::Duration end = clock.Uptime() + options_.wait.value_or(DownloadOptions().wait_for_content);
    for (bool said = false;; said = true) {
      absl::StatusOr<std::optional<Downloads::Serving>> serving = ServingFrom(options_.serve, messages_);
      if (!absl::IsNotFound(serving.status()) || clock.Uptime() >= end) return serving;
      if (!said) console_.Say(absl::StrCat("waiting because this machine ", serving.status().message()));
      interrupts_.Wait(kResolveInterval);
    }
  }

  // Once: what is fetched is served from its first chunk on, and perhaps afterwards.
  void SayWhoMayFetch() {
    const Reseeder* serving = downloads_->serving();
    if (serving == nullptr) return;
    const std::string open = WhoMayFetch(serving->listens_at(), options_.serve, options_.tls.get());
    if (!open.empty()) console_.Say(open);
  }

  // The exit code of the process is that of the first failure.
  void Note(ExitCode code) {
    if (exit_code_ == ExitCode::kOk) exit_code_ = code;
  }

  void StartDownload(const std::string& content) {
    absl::StatusOr<DownloadOptions> request = MakeGetRequest(content, options_);
    if (request.ok()) {
      keys_.push_back(downloads_->Add(content, *std::move(request)));
      return;
    }
    Note(console_.Fail(Annotate(content, request.status()), ExitCodeFor(request.status())));
  }

  // Nothing is removed before all have ended.
  const DownloadRecord& RecordOf(DownloadKey download) const { return *downloads_->record(download); }

  // Returns when every download has ended.
  void Watch() {
    while (!downloads_->all_finished()) {
      interrupts_.Wait(kWakeInterval);
      ObeySignals();
      for (const Downloads::Event& event : downloads_->TakeEvents()) {
        screen_.ShowEvent(event.download, RecordOf(event.download), event.event);
        if (std::holds_alternative<DownloadFinished>(event.event)) Finish(event.download, event.status);
      }
      messages_.Print(console_, false);
      const absl::Duration now = Clock::Real().Uptime();
      if (screen_.IsProgressDue(now)) screen_.ShowProgress(Rows(), now);
    }
    console_.EndDraw(false);
  }

  void ObeySignals() {
    if ((interrupts_.signal() != 0 || console_.reader_gone()) && !stopped_) {
      stopped_ = true;
      for (const DownloadKey download : keys_) downloads_->Stop(download);
    }
    if (interrupts_.pause_wanted() == paused_) return;
    paused_ = !paused_;
    for (const DownloadKey download : keys_) {
      if (paused_) {
        downloads_->Pause(download);
      } else {
        downloads_->Resume(download);
      }
    }
  }

  std::vector<DownloadScreen::Row> Rows() const {
    std::vector<DownloadScreen::Row> rows;
    for (const DownloadKey download : keys_) {
      rows.push_back({download, downloads_->record(download), *downloads_->status(download)});
    }
    return rows;
  }

  void Finish(DownloadKey download, const DownloadStatus& status) {
    const DownloadRecord& record = RecordOf(download);
    ExitCode code = ExitCodeFor(record.outcome(), interrupts_.signal());
    screen_.ShowOutcome(record, status);
    if (record.outcome().ok() && !options_.on_complete.empty() && !RunsOnComplete(record, status)) {
      code = ExitCode::kOnCompleteFailed;
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
    console_.Error(absl::StrCat(ProgramName(), ": ", Printable(record.label()),
                                ": the command of --on-complete failed: ", ran.message()));
    return false;
  }

  // Serves the contents that are to be served, until the end; withdraws the others first.
  void ServeAfterwards() {
    std::vector<std::string> names;
    std::vector<DownloadKey> unwanted;
    for (const DownloadKey download : keys_) {
      const DownloadRecord& record = RecordOf(download);
      if (record.outcome().ok() && WantsToServe(record)) {
        names.push_back(record.label());
      } else {
        unwanted.push_back(download);
      }
    }
    if (names.empty() || interrupts_.signal() != 0 || console_.reader_gone()) return;
    for (const DownloadKey download : unwanted) downloads_->Remove(download);
    // The downloads have ended and look up no more peers; their contents are still served.
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
  DownloadScreen screen_;
  TrackerMessages messages_;
  std::unique_ptr<Downloads> downloads_;
  std::vector<DownloadKey> keys_;  // in the order of the arguments
  bool stopped_ = false;
  bool paused_ = false;
  ExitCode exit_code_ = ExitCode::kOk;
};

}  // namespace

absl::StatusOr<DownloadOptions> MakeGetRequest(const std::string& content, const GetOptions& options) {
  DownloadOptions request;
  request.trackers = options.trackers;
  request.output_folder = options.output_folder;
  if (NamesFile(options)) request.output_file = options.output_folder;
  request.max_peers = options.max_peers;
  request.verify_all = options.verify;
  request.repair = options.repair;
  request.sequential = options.sequential;
  request.selection = options.selection;
  if (options.wait.has_value()) request.wait = request.wait_for_content = *options.wait;
  SHOAL_ASSIGN_OR_RETURN(request.trusted, KeysOfTrust(options.trust));
  if (Classify(content) != ContentWord::kManifestFile) {
    request.content = KeyOf(content);
    return request;
  }

  SHOAL_ASSIGN_OR_RETURN(ManifestFile file, ReadManifestFile(content));
  if (!request.trusted.empty()) {
    std::vector<PublisherSignature> signers;
    if (file.signature.has_value()) signers = {*file.signature};
    const auto* signature = request.trusted.Newest(signers, file.manifest.id(), file.manifest.name());
    if (signature == nullptr) return UntrustedContent("the file", signers);
  }
  for (const std::string& text : file.trackers) {
    SHOAL_ASSIGN_OR_RETURN(tracking::TrackerUrl tracker, tracking::TrackerUrl::Parse(text));
    if (std::find(request.trackers.begin(), request.trackers.end(), tracker) == request.trackers.end()) {
      request.trackers.push_back(std::move(tracker));
    }
  }
  if (request.trackers.empty()) {
    return WithCause(absl::InvalidArgumentError("the file names no tracker: give one with --tracker"),
                     ErrorCause::kUsage);
  }
  request.content = file.manifest.id();
  request.signature = file.signature;
  request.manifest = std::make_shared<const Manifest>(std::move(file.manifest));
  return request;
}
absl::Status CheckGetOutput(const GetOptions& options) {
  if (!NamesFile(options)) return CheckFolderName(options.output_folder);
  const std::filesystem::path path(options.output_folder);
  if (path.has_parent_path()) SHOAL_RETURN_IF_ERROR(CheckFolderName(path.parent_path().string()));
  const std::string& content = options.contents.front();
  if (Classify(content) != ContentWord::kManifestFile) return absl::OkStatus();
  return CheckOutputOutsideInput(options.output_folder, content);
}

ExitCode RunGet(const GetOptions& options, Interrupts& interrupts) {
  if (options.dry_run) return RunDryRun(options, interrupts);
  return Get(options, interrupts).Run();
}

}  // namespace shoal::leecher
