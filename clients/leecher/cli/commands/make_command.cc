#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "clients/leecher/cli/commands/commands.h"
#include "clients/leecher/cli/commands/hashing.h"
#include "clients/leecher/cli/terminal/console.h"
#include "clients/leecher/cli/terminal/terminal_text.h"
#include "clients/leecher/session/json_contents.h"
#include "clients/leecher/session/json_events.h"
#include "shoal/base/clock.h"
#include "shoal/base/units.h"
#include "shoal/content/manifest/manifest_file.h"
#include "shoal/tracking/messages/manifest_summary.h"

namespace shoal::leecher {
namespace {

ExitCode Fail(const absl::Status& error, Console& console) {
  const ExitCode code = ExitCodeFor(error, {});
  console.Error(absl::StrCat("shoal-leecher: ", Printable(std::string(error.message()))));
  console.Object(JsonError(error, code, Clock::Real().Now()));
  return code;
}

}  // namespace

ExitCode RunMake(const MakeOptions& options) {
  Console console(options.json    ? Console::Voice::kJson
                  : options.quiet ? Console::Voice::kQuiet
                                  : Console::Voice::kNormal);
  absl::StatusOr<BuiltManifest> built = HashWithProgress(options.path, options.chunk_size_bytes, console);
  if (!built.ok()) return Fail(built.status(), console);
  const tracking::ContentSummary summary = tracking::SummaryOf(built->manifest);

  ManifestFile file{std::move(built->manifest), {}};
  for (const tracking::TrackerUrl& tracker : options.trackers) file.trackers.push_back(tracker.ToString());
  const std::string path = options.output_path.empty() ? summary.name + ".shoal" : options.output_path;
  const absl::Status written = file.Write(path);
  if (!written.ok()) return Fail(written, console);

  console.Object(JsonMade(summary, path));
  console.Headline(Printable(path));
  console.Say(absl::StrCat("  id      ", summary.id.ToHex()));
  console.Say(absl::StrCat("  size    ", FormatBytes(summary.length_bytes), " in ",
                           Plural(summary.file_count, "file"), ", ", Plural(summary.chunk_count, "chunk"),
                           " of ", FormatBytes(summary.chunk_size_bytes)));
  if (file.trackers.empty()) {
    console.Say(
        "  It names no tracker: whoever uses it needs --tracker (make it with --tracker to put one in).");
  }
  return ExitCode::kOk;
}

}  // namespace shoal::leecher
