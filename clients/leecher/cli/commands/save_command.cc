#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "clients/leecher/cli/commands/commands.h"
#include "clients/leecher/cli/commands/connecting.h"
#include "clients/leecher/cli/commands/manifest_query.h"
#include "clients/leecher/cli/commands/tracker_queries.h"
#include "clients/leecher/cli/terminal/console.h"
#include "clients/leecher/cli/terminal/terminal_text.h"
#include "clients/leecher/session/json_contents.h"
#include "shoal/base/error_cause.h"
#include "shoal/base/status_macros.h"
#include "shoal/base/units.h"
#include "shoal/content/manifest/manifest_file.h"
#include "shoal/tracking/messages/manifest_summary.h"

namespace shoal::leecher {
namespace {

struct Saved {
  std::string path;
  ManifestFile file;
};

absl::StatusOr<Saved> Save(const SaveOptions& options, Interrupts& interrupts) {
  std::string output = options.output_path;
  if (!output.empty()) SHOAL_RETURN_IF_ERROR(CheckManifestOutput(output));
  DownloadOptions request;
  SHOAL_ASSIGN_OR_RETURN(const Connections connections,
                         OpenConnections(options.tracker_token_file, options.trackers, options.tls));
  request.content = KeyOf(options.content);
  SHOAL_ASSIGN_OR_RETURN(request.trusted, KeysOfTrust(options.trust));
  request.trackers = options.trackers;
  if (options.wait.has_value()) request.wait = request.wait_for_content = *options.wait;
  SHOAL_ASSIGN_OR_RETURN(const FetchedManifest fetched, FetchManifest(request, connections, interrupts));
  if (output.empty()) {
    output = fetched.manifest->name() + ".shoal";
    SHOAL_RETURN_IF_ERROR(CheckManifestOutput(output));
  }
  ManifestFile file{*fetched.manifest, {}, fetched.signature};
  for (const tracking::TrackerUrl& tracker : options.trackers) file.trackers.push_back(tracker.ToString());
  SHOAL_RETURN_IF_ERROR(file.Write(output));
  return Saved{std::move(output), std::move(file)};
}

}  // namespace

ExitCode RunSave(const SaveOptions& options, Interrupts& interrupts) {
  Console console(Console::VoiceFor(options.json, options.quiet));
  interrupts.Catch();
  const absl::StatusOr<Saved> saved = Save(options, interrupts);
  if (!saved.ok()) {
    return console.Fail(Annotate(options.content, saved.status()),
                        ExitCodeFor(saved.status(), interrupts.signal()));
  }
  const tracking::ContentSummary summary = tracking::SummaryOf(saved->file.manifest);
  console.Object(JsonMade(summary, saved->path, {}, saved->file.signature));
  console.Headline(Printable(saved->path));
  console.Say(absl::StrCat("  id      ", summary.id.ToHex()));
  console.Say(absl::StrCat("  size    ", FormatBytes(summary.length_bytes), " in ",
                           Plural(summary.file_count, "file"), ", ", Plural(summary.chunk_count, "chunk"),
                           " of ", FormatBytes(summary.chunk_size_bytes)));
  if (saved->file.signature.has_value())
    console.Say(absl::StrCat("  signer  ", saved->file.signature->key.ToText()));
  return console.End(ExitCode::kOk);
}

}  // namespace shoal::leecher
