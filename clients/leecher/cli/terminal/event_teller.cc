#include "clients/leecher/cli/terminal/event_teller.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "clients/leecher/cli/terminal/progress_line.h"
#include "clients/leecher/cli/terminal/terminal_text.h"
#include "shoal/base/units.h"

namespace shoal::leecher {
namespace {

constexpr int kTellsPerPeer = 3;

std::string TellStart(const DownloadStarted& start) {
  std::string text = absl::StrCat(FormatBytes(start.length_bytes), " in ", Plural(start.chunk_count, "chunk"),
                                  ", id ", start.content_id.ShortHex());
  if (start.wanted_files < start.files) {
    absl::StrAppend(&text, "; wanted are ", FormatCount(start.wanted_files), " of ",
                    Plural(start.files, "file"), ", ", FormatBytes(start.wanted_bytes));
  }
  if (start.resumed_bytes > 0) {
    absl::StrAppend(&text, "; going on from ", Percent(start.resumed_bytes, start.wanted_bytes),
                    "% that was here already");
  }
  return text;
}

}  // namespace

std::optional<std::string> EventTeller::Bounded(const Endpoint& peer, char kind, std::string sentence) {
  const int told = ++told_[{peer, kind}];
  if (told > kTellsPerPeer) return std::nullopt;
  if (told == kTellsPerPeer) sentence.append(" (more of this kind will not be shown)");
  return sentence;
}

std::optional<std::string> EventTeller::Tell(const DownloadEvent& event) {
  if (const auto* start = std::get_if<DownloadStarted>(&event)) return TellStart(*start);
  if (const auto* lost = std::get_if<PeerLost>(&event)) {
    const std::string peer = lost->endpoint.ToString();
    if (lost->for_good) return absl::StrCat("peer ", peer, " dropped for good: ", Printable(lost->why));
    return Bounded(lost->endpoint, 'l', absl::StrCat("peer ", peer, " lost: ", Printable(lost->why)));
  }
  if (const auto* rejected = std::get_if<ChunkRejected>(&event)) {
    return Bounded(
        rejected->endpoint, 'r',
        absl::StrCat("chunk ", FormatCount(rejected->chunk.value()), " from ", rejected->endpoint.ToString(),
                     " is bad and will be fetched elsewhere: ", Printable(rejected->why)));
  }
  if (const auto* moved = std::get_if<ChunksMoved>(&event)) {
    return Bounded(moved->endpoint, 'm',
                   absl::StrCat(Plural(moved->chunks, "chunk"), " moved from ", moved->endpoint.ToString(),
                                " to other peers: ", Printable(moved->why)));
  }
  if (const auto* tracker = std::get_if<TrackerChanged>(&event))
    return TellTracker(tracker->tracker, tracker->status);
  if (const auto* change = std::get_if<PausedChanged>(&event)) {
    return change->paused ? "paused: what is there is served on; SIGUSR2 lets it go on" : "goes on";
  }
  if (const auto* waiting = std::get_if<Waiting>(&event)) {
    // It comes and goes while a peer is slow; the same reason twice in a row is no news.
    if (waiting->because.empty() || waiting->because == waiting_because_) return std::nullopt;
    waiting_because_ = waiting->because;
    return absl::StrCat("waiting: ", Printable(waiting_because_));
  }
  return std::nullopt;
}

std::string TellTracker(const tracking::TrackerUrl& tracker, const absl::Status& status) {
  const std::string name = absl::StrCat("tracker ", tracker.ToString());
  if (status.ok()) return absl::StrCat(Printable(name), " is back");
  return absl::StrCat(Printable(name), " is away: ", WhyAway(tracker, std::string(status.message())));
}

std::string WhyAway(const tracking::TrackerUrl& tracker, absl::string_view message) {
  absl::ConsumePrefix(&message, absl::StrCat("tracker ", tracker.ToString(), " "));
  return Printable(message);
}

}  // namespace shoal::leecher
