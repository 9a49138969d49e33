#include "clients/leecher/cli/terminal/event_text.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "clients/leecher/cli/terminal/progress_line.h"
#include "clients/leecher/cli/terminal/terminal_text.h"
#include "shoal/base/units.h"
#include "shoal/tracking/client/refusal.h"

namespace shoal::leecher {
namespace {

constexpr int kMaxSentencesPerPeer = 3;

std::string DescribeStart(const DownloadStarted& start) {
  std::string text = absl::StrCat(FormatBytes(start.length_bytes), " in ", Plural(start.chunk_count, "chunk"),
                                  ", id ", start.content_id.ShortHex());
  if (start.wanted_files < start.files) {
    absl::StrAppend(&text, "; selected: ", FormatCount(start.wanted_files), " of ",
                    Plural(start.files, "file"), ", ", FormatBytes(start.wanted_bytes));
  }
  if (start.resumed_bytes > 0) {
    absl::StrAppend(&text, "; continues from ", Percent(start.resumed_bytes, start.wanted_bytes),
                    "% that an earlier run fetched");
  }
  return text;
}

}  // namespace

std::optional<std::string> EventText::Bounded(const Endpoint& peer, char kind, std::string sentence) {
  const int count = ++sentences_[{peer, kind}];
  if (count > kMaxSentencesPerPeer) return std::nullopt;
  if (count == kMaxSentencesPerPeer) sentence.append(" (more of this kind will not be shown)");
  return sentence;
}

std::optional<std::string> EventText::Describe(const DownloadEvent& event) {
  if (const auto* start = std::get_if<DownloadStarted>(&event)) return DescribeStart(*start);
  if (const auto* lost = std::get_if<PeerLost>(&event)) {
    const std::string peer = lost->endpoint.ToString();
    if (lost->for_good) return absl::StrCat("peer ", peer, " dropped for good: ", Printable(lost->why));
    return Bounded(lost->endpoint, 'l', absl::StrCat("peer ", peer, " lost: ", Printable(lost->why)));
  }
  if (const auto* rejected = std::get_if<ChunkRejected>(&event)) {
    return Bounded(
        rejected->endpoint, 'r',
        absl::StrCat("chunk ", FormatCount(rejected->chunk.value()), " from ", rejected->endpoint.ToString(),
                     " is bad and is requested from another peer: ", Printable(rejected->why)));
  }
  if (const auto* moved = std::get_if<ChunksMoved>(&event)) {
    return Bounded(moved->endpoint, 'm',
                   absl::StrCat(Plural(moved->chunks, "chunk"), " moved from ", moved->endpoint.ToString(),
                                " to other peers: ", Printable(moved->why)));
  }
  if (const auto* tracker = std::get_if<TrackerChanged>(&event))
    return DescribeTracker(tracker->tracker, tracker->status);
  if (const auto* change = std::get_if<PausedChanged>(&event)) {
    return change->paused ? "paused; SIGUSR2 resumes it, and what is held is still served" : "resumed";
  }
  if (const auto* replaced = std::get_if<ContentReplaced>(&event)) {
    const std::string discarded = replaced->discarded_bytes == 0
                                      ? ""
                                      : absl::StrCat(", without the ", FormatBytes(replaced->discarded_bytes),
                                                     " of the first one, which no peer has any more");
    return absl::StrCat("the name means another content by now: starting over", discarded);
  }
  if (const auto* warning = std::get_if<DownloadWarning>(&event))
    return absl::StrCat("warning: ", Printable(warning->text));
  if (const auto* waiting = std::get_if<Waiting>(&event)) {
    // A slow peer makes it come and go; the same reason twice in a row is not repeated.
    if (waiting->because.empty() || waiting->because == waiting_because_) return std::nullopt;
    waiting_because_ = waiting->because;
    return absl::StrCat("waiting: ", Printable(waiting_because_));
  }
  return std::nullopt;
}

std::string DescribeTracker(const tracking::TrackerUrl& tracker, const absl::Status& status) {
  const std::string name = absl::StrCat("tracker ", tracker.ToString());
  if (status.ok()) return absl::StrCat(Printable(name), " is back");
  const std::string reason = TrackerFailureReason(tracker, std::string(status.message()));
  if (tracking::IsRefusal(status)) {
    return absl::StrCat(Printable(name), " refuses: ", reason);
  }
  return absl::StrCat(Printable(name), " is away: ", reason);
}

std::string TrackerFailureReason(const tracking::TrackerUrl& tracker, absl::string_view message) {
  const std::string name = absl::StrCat("tracker ", tracker.ToString());
  if (!absl::ConsumePrefix(&message, name + " ")) absl::ConsumePrefix(&message, name + ": ");
  return Printable(message);
}

}  // namespace shoal::leecher
