#include "absl/strings/str_cat.h"
#include "clients/leecher/cli/commands/commands.h"
#include "clients/leecher/cli/commands/tracker_queries.h"
#include "clients/leecher/cli/terminal/console.h"
#include "clients/leecher/cli/terminal/event_teller.h"
#include "clients/leecher/cli/terminal/summary.h"
#include "clients/leecher/cli/terminal/terminal_text.h"
#include "clients/leecher/cli/terminal/text_table.h"
#include "clients/leecher/session/json_contents.h"
#include "clients/leecher/session/json_events.h"
#include "shoal/base/clock.h"
#include "shoal/base/units.h"

namespace shoal::leecher {
namespace {

using Align = TextTable::Align;

void PrintTable(const Listing& listing, Console& console) {
  if (listing.contents.empty()) {
    console.Say("nothing is shared there");
    return;
  }
  TextTable table({{"NAME", Align::kLeft, true},
                   {"SIZE", Align::kRight},
                   {"CHUNKS", Align::kRight},
                   {"SEEDERS", Align::kRight},
                   {"LEECHERS", Align::kRight},
                   {"AGE", Align::kRight},
                   {"ID", Align::kLeft}});
  const absl::Time now = Clock::Real().Now();
  for (const tracking::ContentStatus& content : listing.contents) {
    const tracking::ContentSummary& summary = content.summary;
    // On a terminal as much of the id as `get` needs; whole where a program may read it.
    table.Add({Printable(summary.name), FormatBytes(summary.length_bytes), FormatCount(summary.chunk_count),
               FormatCount(content.seeders), FormatCount(content.leechers),
               FormatAge(content.first_seen, now),
               console.live() ? summary.id.ShortHex() : summary.id.ToHex()});
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
  Console console(options.json ? Console::Voice::kJson : Console::Voice::kNormal);
  const Listing listing = ListContents(options.trackers, options.name_contains);
  for (const TrackerFailure& failure : listing.failures) {
    console.Error(absl::StrCat("shoal-leecher: ", TellTracker(failure.tracker, failure.status)));
  }
  if (!listing.tracker_answered) {
    console.Object(JsonError(absl::UnavailableError("no tracker could be reached"), ExitCode::kNoTracker,
                             Clock::Real().Now()));
    return ExitCode::kNoTracker;
  }
  if (!options.json) {
    PrintTable(listing, console);
    return ExitCode::kOk;
  }
  for (const tracking::ContentStatus& content : listing.contents) console.Object(JsonContent(content));
  return ExitCode::kOk;
}

}  // namespace shoal::leecher
