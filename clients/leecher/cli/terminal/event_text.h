#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "clients/leecher/download/model/download_event.h"

namespace shoal::leecher {

// Turns the events of one download into sentences for people, and drops repetitions: a peer that fails over
// and over is mentioned a few times. One object per download. Thread safety: one thread.
class EventText {
 public:
  // Returns a sentence without the download's name, escaped for the terminal; nothing when the event is not
  // worth a line, or repeats one.
  std::optional<std::string> Describe(const DownloadEvent& event);

 private:
  // Allows kMaxSentencesPerPeer sentences of one kind about one peer; the last one says that it is the last.
  std::optional<std::string> Bounded(const Endpoint& peer, char kind, std::string sentence);

  std::map<std::pair<Endpoint, char>, int> sentences_;
  std::string waiting_because_;
};

// "tracker URL refuses: REASON" when tracking::IsRefusal says so, "tracker URL is away: REASON" for other
// errors, "tracker URL is back" for OK.
std::string DescribeTracker(const tracking::TrackerUrl& tracker, const absl::Status& status);

// The message of a tracker's failure, escaped, without the tracker's name when it begins with that.
std::string TrackerFailureReason(const tracking::TrackerUrl& tracker, absl::string_view message);

}  // namespace shoal::leecher
