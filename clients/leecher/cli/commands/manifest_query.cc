#include "clients/leecher/cli/commands/manifest_query.h"

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <filesystem>
#include <optional>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "clients/leecher/cli/commands/commands.h"
#include "clients/leecher/cli/terminal/console.h"
#include "clients/leecher/cli/terminal/terminal_text.h"
#include "clients/leecher/download/policy/wanted_files.h"
#include "clients/leecher/session/downloads.h"
#include "clients/leecher/session/json_contents.h"
#include "clients/leecher/session/json_events.h"
#include "shoal/base/clock.h"
#include "shoal/base/error_cause.h"
#include "shoal/base/status_macros.h"
#include "shoal/base/units.h"
#include "shoal/content/store/earlier_run.h"

namespace shoal::leecher {
namespace {

constexpr absl::Duration kManifestWakeInterval = absl::Milliseconds(200);

// A signal, or a reason of the download itself.
absl::Status OutcomeOf(const DownloadRecord& record) {
  if (record.candidates().empty()) return record.outcome();
  std::vector<std::string> ids;
  for (const tracking::ContentStatus& candidate : record.candidates()) {
    ids.push_back(candidate.summary.id.ToHex().substr(0, 16));
  }
  return WithCause(
      absl::FailedPreconditionError(absl::StrCat(
          ids.size(), " contents are meant; say which one by its id: ", absl::StrJoin(ids, ", "))),
      ErrorCause::kAmbiguousName);
}

std::optional<uint64_t> FreeBytes(std::filesystem::path folder) {
  std::error_code error;
  folder = std::filesystem::absolute(folder, error);
  while (!std::filesystem::exists(folder, error) && folder.has_relative_path()) folder = folder.parent_path();
  struct statvfs info;
  if (::statvfs(folder.c_str(), &info) != 0) return std::nullopt;
  return uint64_t{info.f_bavail} * info.f_frsize;
}

bool Exists(const std::string& path) {
  struct stat info;
  return ::lstat(path.c_str(), &info) == 0;
}

DryRun Plan(const std::string& content, const DownloadOptions& request,
            const std::shared_ptr<const Manifest>& manifest, const WantedFiles& wanted) {
  DryRun plan;
  plan.download = content;
  const bool is_renamed = manifest->kind() == Manifest::Kind::kFile && !request.output_file.empty();
  const std::string folder =
      is_renamed ? std::filesystem::path(request.output_file).parent_path().string() : request.output_folder;
  plan.path = is_renamed ? request.output_file : absl::StrCat(folder, "/", manifest->name());
  plan.wanted_files = wanted.wanted_files();
  plan.wanted_bytes = wanted.wanted_bytes();
  plan.target_exists = Exists(plan.path);
  plan.continues = Exists(absl::StrCat(folder.empty() ? "." : folder, "/", DownloadNames(*manifest).journal));
  plan.free_bytes = FreeBytes(folder.empty() ? "." : folder);
  return plan;
}

void Print(const DryRun& plan, const Manifest& manifest, const WantedFiles& wanted, Console& console) {
  console.Headline(absl::StrCat(Printable(manifest.name()), ": would fetch ", FormatBytes(plan.wanted_bytes),
                                " in ", Plural(plan.wanted_files, "file"), ", ",
                                Plural(wanted.wanted_chunks(), "chunk")));
  console.Say(absl::StrCat("  id      ", manifest.id().ToHex()));
  console.Say(absl::StrCat("  into    ", Printable(plan.path)));
  if (plan.continues) {
    console.Say("  state   continues from what an earlier run fetched");
  } else if (plan.target_exists) {
    console.Say("  state   it exists: its bytes are checked first, and other bytes are not overwritten");
  }
  if (plan.free_bytes.has_value()) {
    const bool fits = *plan.free_bytes >= plan.wanted_bytes;
    console.Say(absl::StrCat("  free    ", FormatBytes(*plan.free_bytes), " on that disk",
                             fits || plan.continues || plan.target_exists ? "" : ", which is not enough"));
  }
  TextTable table({{"FILE", TextTable::Align::kLeft, true}, {"SIZE", TextTable::Align::kRight}});
  for (uint32_t i = 0; i < manifest.files().size(); ++i) {
    if (!wanted.wanted(FileIndex(i))) continue;
    table.Add({Printable(manifest.files()[i].path), FormatBytes(manifest.files()[i].length_bytes)});
  }
  for (const std::string& line : table.Render(console.live() ? console.style().width - 2 : 0)) {
    console.Say(absl::StrCat("  ", line));
  }
}

absl::Status ShowPlan(const std::string& content, const GetOptions& options, Console& console,
                      Interrupts& interrupts) {
  SHOAL_ASSIGN_OR_RETURN(const DownloadOptions request, MakeGetRequest(content, options));
  std::shared_ptr<const Manifest> manifest = request.manifest;
  if (manifest == nullptr) {
    SHOAL_ASSIGN_OR_RETURN(const Connections connections,
                           OpenConnections(options.tracker_token_file, options.trackers, options.tls));
    SHOAL_ASSIGN_OR_RETURN(const FetchedManifest fetched, FetchManifest(request, connections, interrupts));
    manifest = fetched.manifest;
  }
  const WantedFiles wanted(manifest, options.selection);
  if (wanted.wanted_files() == 0) {
    return WithCause(
        absl::InvalidArgumentError(absl::StrCat("nothing is wanted: the selection matches none of its ",
                                                manifest->files().size(), " files; `info` lists them")),
        ErrorCause::kUsage);
  }
  const DryRun plan = Plan(content, request, manifest, wanted);
  console.Object(JsonDryRun(plan, *manifest, wanted.selection(), Clock::Real().Now()));
  Print(plan, *manifest, wanted, console);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<FetchedManifest> FetchManifest(DownloadOptions request, const Connections& connections,
                                              Interrupts& interrupts) {
  Downloads::Options options;
  ConnectOver(connections, &options);
  options.wake = [&interrupts] { interrupts.Nudge(); };
  SHOAL_ASSIGN_OR_RETURN(const std::unique_ptr<Downloads> downloads, Downloads::Start(std::move(options)));
  request.manifest_only = true;
  const DownloadKey key = downloads->Add("manifest", std::move(request));
  FetchedManifest fetched;
  while (!downloads->all_finished()) {
    interrupts.Wait(kManifestWakeInterval);
    if (interrupts.signal() != 0) downloads->Stop(key);
    for (const Downloads::Event& event : downloads->TakeEvents()) {
      const auto* finished = std::get_if<DownloadFinished>(&event.event);
      if (finished != nullptr) fetched = {finished->manifest, finished->signature};
    }
  }
  SHOAL_RETURN_IF_ERROR(OutcomeOf(*downloads->record(key)));
  return fetched;
}

ExitCode RunDryRun(const GetOptions& options, Interrupts& interrupts) {
  Console console(Console::VoiceFor(options.json, options.quiet));
  interrupts.Catch();
  ExitCode first_failure = ExitCode::kOk;
  if (const absl::Status output = CheckGetOutput(options); !output.ok()) {
    return console.Fail(output, ExitCodeFor(output));
  }
  for (const std::string& content : options.contents) {
    const absl::Status shown = ShowPlan(content, options, console, interrupts);
    if (shown.ok()) continue;
    const ExitCode code = console.Fail(Annotate(content, shown), ExitCodeFor(shown, interrupts.signal()));
    if (first_failure == ExitCode::kOk) first_failure = code;
    if (interrupts.signal() != 0) break;
  }
  return console.End(first_failure, true);
}

}  // namespace shoal::leecher
