#include <algorithm>
#include <filesystem>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "clients/leecher/cli/commands/commands.h"
#include "clients/leecher/cli/terminal/console.h"
#include "clients/leecher/cli/terminal/progress_line.h"
#include "clients/leecher/cli/terminal/terminal_text.h"
#include "clients/leecher/session/json_contents.h"
#include "shoal/base/clock.h"
#include "shoal/base/error_cause.h"
#include "shoal/base/output_path.h"
#include "shoal/base/status_macros.h"
#include "shoal/base/units.h"
#include "shoal/content/manifest/manifest_file.h"
#include "shoal/tracking/messages/manifest_summary.h"

namespace shoal::leecher {
namespace {

std::string LastPart(const std::string& path) {
  std::string trimmed = path;
  while (trimmed.size() > 1 && absl::EndsWith(trimmed, "/")) trimmed.pop_back();
  const size_t slash = trimmed.rfind('/');
  return slash == std::string::npos || trimmed.size() == 1 ? trimmed : trimmed.substr(slash + 1);
}

// The name that BuildManifest gives to the content of `path`.
std::string NameOfContent(const std::string& path) {
  std::string name = LastPart(path);
  if (name != "." && name != ".." && name != "/") return name;
  std::error_code error;
  return std::filesystem::canonical(path, error).filename().string();
}

// The file to write, which is checked before anything is read.
absl::StatusOr<std::string> OutputOf(const MakeOptions& options) {
  const std::string output =
      options.output_path.empty() ? NameOfContent(options.path) + ".shoal" : options.output_path;
  SHOAL_RETURN_IF_ERROR(CheckOutputOutsideInput(output, options.path));
  SHOAL_RETURN_IF_ERROR(CheckManifestOutput(output));
  return output;
}

void NameLeftOut(const std::vector<LeftOut>& left_out, Console& console) {
  constexpr size_t kMostNamed = 20;
  for (size_t i = 0; i < std::min(left_out.size(), kMostNamed); ++i) {
    console.Error(absl::StrCat(ProgramName(), ": ", Printable(left_out[i].path),
                               " is left out: ", Printable(left_out[i].reason)));
  }
  if (left_out.size() > kMostNamed) {
    console.Error(absl::StrCat(ProgramName(), ": ", left_out.size() - kMostNamed, " more are left out"));
  }
}

}  // namespace

absl::Status CheckManifestOutput(const std::string& path) {
  SHOAL_RETURN_IF_ERROR(CheckOutputFile(path));
  const absl::Status earlier = ManifestFile::Read(path).status();
  if (earlier.ok() || absl::IsNotFound(earlier) || absl::IsDataLoss(earlier) ||
      CauseOf(earlier) == ErrorCause::kUntrusted) {
    return absl::OkStatus();
  }
  if (!absl::IsInvalidArgument(earlier)) return earlier;
  return WithCause(absl::AlreadyExistsError(
                       absl::StrCat(path, " is there already and is no .shoal file; name another output")),
                   ErrorCause::kTargetExists);
}

absl::StatusOr<std::optional<SigningKey>> ReadSignKey(const std::string& path) {
  if (path.empty()) return std::optional<SigningKey>();
  SHOAL_ASSIGN_OR_RETURN(SigningKey key, SigningKey::Read(path));
  return std::optional<SigningKey>(std::move(key));
}

absl::StatusOr<BuiltManifest> HashWithProgress(const std::string& path, ManifestBuilderOptions options,
                                               Console& console) {
  const absl::Duration start = Clock::Real().Uptime();
  const std::string label = absl::StrCat("hashing ", LastPart(path));
  // Called by one thread at a time while this thread waits, so the console has one user.
  options.on_progress = [&](uint64_t done_bytes, uint64_t total_bytes) {
    const double seconds = absl::ToDoubleSeconds(Clock::Real().Uptime() - start);
    if (seconds < 0.3) return;
    ByteProgress progress;
    progress.done_bytes = done_bytes;
    progress.total_bytes = total_bytes;
    progress.rate_bytes_per_second = static_cast<double>(done_bytes) / seconds;
    if (done_bytes > 0) {
      progress.eta = absl::Seconds(static_cast<double>(total_bytes - std::min(done_bytes, total_bytes)) /
                                   progress.rate_bytes_per_second);
    }
    console.Draw({ByteProgressLine(progress, label, console.style())});
  };
  absl::StatusOr<BuiltManifest> built = BuildManifest(path, options);
  console.EndDraw(false);
  // By the contract of BuildManifest: the path can't be published as it is.
  if (absl::IsInvalidArgument(built.status())) return WithCause(built.status(), ErrorCause::kUsage);
  if (built.ok()) NameLeftOut(built->left_out, console);
  return built;
}

ExitCode RunMake(const MakeOptions& options) {
  Console console(Console::VoiceFor(options.json, options.quiet));
  const absl::StatusOr<std::string> output = OutputOf(options);
  if (!output.ok()) return console.Fail(output.status(), ExitCodeFor(output.status()));
  const absl::StatusOr<std::optional<SigningKey>> sign_key = ReadSignKey(options.sign_key);
  if (!sign_key.ok()) return console.Fail(sign_key.status(), ExitCodeFor(sign_key.status()));
  ManifestBuilderOptions builder;
  builder.chunk_size_bytes = options.chunk_size_bytes;
  builder.links = options.links;
  absl::StatusOr<BuiltManifest> built = HashWithProgress(options.path, builder, console);
  if (!built.ok()) return console.Fail(built.status(), ExitCodeFor(built.status()));
  const tracking::ContentSummary summary = tracking::SummaryOf(built->manifest, built->left_out.size());

  ManifestFile file{std::move(built->manifest), {}};
  for (const tracking::TrackerUrl& tracker : options.trackers) file.trackers.push_back(tracker.ToString());
  if (sign_key->has_value()) {
    file.signature = PublisherSignature::Make(**sign_key, summary.id, summary.name, Clock::Real().Now());
  }
  const absl::Status written = file.Write(*output);
  if (!written.ok()) return console.Fail(written, ExitCodeFor(written));

  console.Object(JsonMade(summary, *output, built->left_out, file.signature));
  console.Headline(Printable(*output));
  console.Say(absl::StrCat("  id      ", summary.id.ToHex()));
  console.Say(absl::StrCat("  size    ", FormatBytes(summary.length_bytes), " in ",
                           Plural(summary.file_count, "file"), ", ", Plural(summary.chunk_count, "chunk"),
                           " of ", FormatBytes(summary.chunk_size_bytes)));
  if (file.signature.has_value()) console.Say(absl::StrCat("  signer  ", file.signature->key.ToText()));
  if (!absl::EndsWith(*output, ".shoal")) {
    console.Say("  `get` takes it for a file when its name ends in .shoal: rename it.");
  }
  if (file.trackers.empty()) {
    console.Say(
        "  The file names no tracker, so `get` needs --tracker with it; `make --tracker=URL` adds one.");
  }
  return console.End(ExitCode::kOk);
}

}  // namespace shoal::leecher
