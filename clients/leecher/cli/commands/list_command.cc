#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "clients/leecher/cli/commands/commands.h"
#include "clients/leecher/cli/commands/connecting.h"
#include "clients/leecher/cli/commands/tracker_queries.h"
#include "clients/leecher/cli/terminal/console.h"
#include "clients/leecher/cli/terminal/event_text.h"
#include "clients/leecher/cli/terminal/summary.h"
#include "clients/leecher/cli/terminal/terminal_text.h"
#include "clients/leecher/session/json_contents.h"
#include "clients/leecher/session/json_events.h"
#include "shoal/base/clock.h"
#include "shoal/base/units.h"

namespace shoal::leecher {
namespace {

using Align = TextTable::Align;

// A person waits for a completion, and reads no more names than these.
constexpr ListBounds kNamesBounds = {.timeout = absl::Seconds(1), .max_pages = 1};

void PrintTable(const Listing& listing, const std::string& name_contains, Console& console) {
  if (listing.contents.empty()) {
    console.Say(name_contains.empty()
                    ? absl::StrCat("nothing is shared there", AfterStart(listing.warming_up))
                    : absl::StrCat("no content has '", Printable(name_contains), "' in its name",
                                   AfterStart(listing.warming_up)));
    return;
  }
  std::vector<TextTable::Column> columns = {{"NAME", Align::kLeft, true}, {"SIZE", Align::kRight},
                                            {"CHUNKS", Align::kRight},    {"SEEDERS", Align::kRight},
                                            {"LEECHERS", Align::kRight},  {"AGE", Align::kRight},
                                            {"ID", Align::kLeft}};
  // A column that is seldom of use.
  const bool has_left_out =
      std::any_of(listing.contents.begin(), listing.contents.end(),
                  [](const tracking::ContentStatus& content) { return content.summary.left_out > 0; });
  if (has_left_out) columns.insert(columns.end() - 1, {"LEFT OUT", Align::kRight});
  const bool has_signers =
      std::any_of(listing.contents.begin(), listing.contents.end(),
                  [](const tracking::ContentStatus& content) { return !content.signatures.empty(); });
  if (has_signers) columns.push_back({"SIGNER", Align::kLeft});
  TextTable table(std::move(columns));
  const absl::Time now = Clock::Real().Now();
  for (const tracking::ContentStatus& content : listing.contents) {
    const tracking::ContentSummary& summary = content.summary;
    // A terminal shows the digits that `get` needs; other programs read the whole id.
    std::vector<std::string> row = {Printable(summary.name),
                                    FormatBytes(summary.length_bytes),
                                    FormatCount(summary.chunk_count),
                                    FormatCount(content.seeders),
                                    FormatCount(content.leechers),
                                    FormatAge(content.first_seen, now),
                                    console.live() ? summary.id.ShortHex() : summary.id.ToHex()};
    if (has_left_out) row.insert(row.end() - 1, FormatCount(summary.left_out));
    if (has_signers) {
      const auto& signers = content.signatures;
      row.push_back(signers.empty() ? "-"
                    : signers.size() == 1
                        ? signers.front().key.ToText()
                        : absl::StrCat(signers.front().key.ToText(), " +", signers.size() - 1));
    }
    table.Add(std::move(row));
  }
  bool title = true;
  for (const std::string& line : table.Render(console.live() ? console.style().width : 0)) {
    if (title) {
      console.Headline(line);
    } else {
      console.Say(line);
    }
    title = false;
  }
}

}  // namespace

ExitCode RunList(const ListOptions& options) {
  // Names are for shells, which may have SHOAL_JSON set.
  Console console(Console::VoiceFor(options.json && !options.names_only, false));
  const auto connections = OpenConnections(options.tracker_token_file, options.trackers, options.tls);
  if (!connections.ok()) return console.Fail(connections.status(), ExitCodeFor(connections.status()));
  const Listing listing = ListContents(connections->trackers, options.trackers, options.name_contains,
                                       std::nullopt, options.names_only ? kNamesBounds : ListBounds());
  for (const TrackerFailure& failure : listing.failures) {
    console.Error(absl::StrCat(ProgramName(), ": ", DescribeTracker(failure.tracker, failure.status)));
  }
  if (!listing.tracker_answered) {
    const absl::Status error = NoTrackerAnswered(listing.failures);
    console.Object(JsonError(error, ExitCodeFor(error), Clock::Real().Now()));
    return ExitCodeFor(error);
  }
  if (options.names_only) {
    std::set<std::string> names;  // one may be that of several contents
    for (const tracking::ContentStatus& content : listing.contents) names.insert(content.summary.name);
    for (const std::string& name : names) console.Say(name);
    return console.End(ExitCode::kOk);
  }
  if (!options.json) {
    PrintTable(listing, options.name_contains, console);
    return console.End(ExitCode::kOk, true);
  }
  for (const tracking::ContentStatus& content : listing.contents) console.Object(JsonContent(content));
  return console.End(ExitCode::kOk);
}

}  // namespace shoal::leecher
