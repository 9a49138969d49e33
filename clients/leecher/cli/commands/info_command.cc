#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "clients/leecher/cli/commands/commands.h"
#include "clients/leecher/cli/commands/connecting.h"
#include "clients/leecher/cli/commands/manifest_query.h"
#include "clients/leecher/cli/commands/tracker_queries.h"
#include "clients/leecher/cli/terminal/console.h"
#include "clients/leecher/cli/terminal/event_text.h"
#include "clients/leecher/cli/terminal/progress_line.h"
#include "clients/leecher/cli/terminal/summary.h"
#include "clients/leecher/cli/terminal/terminal_text.h"
#include "clients/leecher/session/json_contents.h"
#include "clients/leecher/session/json_events.h"
#include "shoal/base/clock.h"
#include "shoal/base/error_cause.h"
#include "shoal/base/units.h"
#include "shoal/content/manifest/manifest_file.h"
#include "shoal/tracking/messages/manifest_summary.h"

namespace shoal::leecher {
namespace {

using Align = TextTable::Align;

// How long peers have to send the manifest.
constexpr absl::Duration kManifestPatience = absl::Seconds(10);

void Print(const std::vector<std::string>& lines, Console& console) {
  for (const std::string& line : lines) console.Say(absl::StrCat("  ", line));
}

void PrintSummary(const tracking::ContentSummary& summary, Console& console) {
  console.Headline(Printable(summary.name));
  console.Say(absl::StrCat("  id      ", summary.id.ToHex()));
  console.Say(absl::StrCat(
      "  size    ", FormatBytes(summary.length_bytes), " (", FormatCount(summary.length_bytes), " bytes) in ",
      Plural(summary.file_count, "file"),
      summary.left_out > 0 ? absl::StrCat(", ", FormatCount(summary.left_out), " left out") : ""));
  console.Say(absl::StrCat("  chunks  ", FormatCount(summary.chunk_count), " of ",
                           FormatBytes(summary.chunk_size_bytes)));
}

void PrintFiles(const Manifest& manifest, Console& console) {
  console.Say("");
  TextTable table({{"FILE", Align::kLeft, true}, {"SIZE", Align::kRight}});
  for (const FileEntry& entry : manifest.files())
    table.Add({Printable(entry.path), FormatBytes(entry.length_bytes)});
  for (const LinkEntry& link : manifest.links())
    table.Add({absl::StrCat(Printable(link.path), " -> ", Printable(link.target)), "link"});
  for (const std::string& folder : manifest.empty_folders())
    table.Add({absl::StrCat(Printable(folder), "/"), "empty"});
  Print(table.Render(console.live() ? console.style().width - 2 : 0), console);
}

void PrintSigner(const PublisherSignature& signature, Console& console) {
  console.Say(absl::StrCat("  signer  ", signature.key.ToText(), ", ",
                           absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", signature.time, absl::UTCTimeZone())));
}

void PrintPeers(const tracking::GetSwarmResponse& swarm, Console& console) {
  const absl::Time now = Clock::Real().Now();
  console.Say(absl::StrCat("  known   for ", FormatAge(swarm.content.first_seen, now)));
  console.Say(absl::StrCat("  peers   ", Plural(swarm.content.seeders, "seeder"), ", ",
                           Plural(swarm.content.leechers, "leecher")));
  if (swarm.peers.empty()) return;
  console.Say("");
  TextTable table({{"PEER", Align::kLeft},
                   {"HOLDS", Align::kRight},
                   {"CHUNKS", Align::kRight},
                   {"SENT", Align::kRight},
                   {"RATE", Align::kRight},
                   {"FREE SLOTS", Align::kRight},
                   {"AGE", Align::kRight}});
  for (const tracking::SwarmPeer& peer : swarm.peers) {
    const uint32_t chunks = swarm.content.summary.chunk_count;
    const uint32_t held = peer.peer.complete ? chunks : peer.peer.chunks_held;
    table.Add({peer.peer.endpoint.ToString(), absl::StrCat(Percent(held, chunks), "%"), FormatCount(held),
               FormatBytes(peer.totals.sent_bytes),
               FormatRate(static_cast<double>(peer.totals.send_rate_bytes_per_second)),
               FormatCount(peer.peer.free_slots), FormatAge(peer.registered, now)});
  }
  Print(table.Render(console.live() ? console.style().width - 2 : 0), console);
}

ExitCode Fail(const absl::Status& error, const std::string& about, Console& console) {
  return console.Fail(Annotate(about, error), ExitCodeFor(error));
}

// A .shoal file is shown without a tracker too; that its trackers are away is no failure.
ExitCode ShowManifestFile(const InfoOptions& options, const Connections& connections, Console& console) {
  const absl::StatusOr<ManifestFile> file = ReadManifestFile(options.content);
  if (!file.ok()) return Fail(file.status(), options.content, console);
  std::vector<tracking::TrackerUrl> trackers = options.trackers;
  for (const std::string& text : file->trackers) {
    const absl::StatusOr<tracking::TrackerUrl> tracker = tracking::TrackerUrl::Parse(text);
    if (tracker.ok() && std::find(trackers.begin(), trackers.end(), *tracker) == trackers.end())
      trackers.push_back(*tracker);
  }
  const SwarmView view = ViewSwarm(connections.trackers, trackers, file->manifest.id());
  if (options.json) {
    console.Object(JsonInfo(tracking::SummaryOf(file->manifest), &file->manifest, &file->trackers,
                            view.status.ok() ? &view.swarm : nullptr, file->signature));
    return console.End(ExitCode::kOk, true);
  }
  PrintSummary(tracking::SummaryOf(file->manifest), console);
  if (file->signature.has_value()) PrintSigner(*file->signature, console);
  if (!file->trackers.empty()) {
    console.Say(absl::StrCat("  tracker ", Printable(absl::StrJoin(file->trackers, ", "))));
  }
  PrintFiles(file->manifest, console);
  console.Say("");
  if (view.status.ok()) {
    PrintPeers(view.swarm, console);
  } else if (!trackers.empty()) {
    console.Say(absl::StrCat("  peers   none: ", Printable(std::string(view.status.message()))));
  }
  return console.End(ExitCode::kOk, true);
}

}  // namespace

ExitCode RunInfo(const InfoOptions& options, Interrupts& interrupts) {
  Console console(Console::VoiceFor(options.json, false));
  const auto connections = OpenConnections(options.tracker_token_file, options.trackers, options.tls);
  if (!connections.ok()) return Fail(connections.status(), options.content, console);
  if (Classify(options.content) == ContentWord::kManifestFile)
    return ShowManifestFile(options, *connections, console);

  const absl::StatusOr<tracking::ContentKey> key =
      KeyFor(options.content, connections->trackers, options.trackers);
  if (!key.ok()) return Fail(key.status(), options.content, console);
  const SwarmView view = ViewSwarm(connections->trackers, options.trackers, *key);
  for (const TrackerFailure& failure : view.failures) {
    console.Error(absl::StrCat(ProgramName(), ": ", DescribeTracker(failure.tracker, failure.status)));
  }
  if (CauseOf(view.status) == ErrorCause::kAmbiguousName) {
    const ExitCode code = ExitCode::kAmbiguousName;
    const absl::Time now = Clock::Real().Now();
    for (const std::string& line :
         CandidateLines(options.content, "info", view.candidates, now, console.style().width)) {
      console.Error(line);
    }
    console.Object(JsonError(view.status, code, now));
    return code;
  }
  if (!view.status.ok()) return Fail(view.status, options.content, console);
  const tracking::ContentSummary& summary = view.swarm.content.summary;
  // That no peer sends it is no failure: the trackers' answer is worth showing without.
  interrupts.Catch();
  DownloadOptions request;
  request.content = summary.id;
  request.trackers = options.trackers;
  request.wait = kManifestPatience;
  const absl::StatusOr<FetchedManifest> fetched = FetchManifest(request, *connections, interrupts);
  if (interrupts.signal() != 0) return ExitCodeForSignal(interrupts.signal());
  if (options.json) {
    console.Object(JsonInfo(summary, fetched.ok() ? fetched->manifest.get() : nullptr, nullptr, &view.swarm,
                            std::nullopt));
    return console.End(ExitCode::kOk, true);
  }
  PrintSummary(summary, console);
  for (const PublisherSignature& signature : view.swarm.content.signatures) PrintSigner(signature, console);
  if (fetched.ok()) {
    PrintFiles(*fetched->manifest, console);
    console.Say("");
  } else {
    console.Say(absl::StrCat("  files   not known: ", Printable(std::string(fetched.status().message()))));
  }
  PrintPeers(view.swarm, console);
  return console.End(ExitCode::kOk, true);
}

}  // namespace shoal::leecher
