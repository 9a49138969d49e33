#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "clients/leecher/download/model/download_event.h"

namespace shoal::leecher {

// Puts a download's events into sentences for people, and keeps quiet about what was said before: a peer that
// fails over and over is mentioned a few times, not each time. One per download; one thread.
class EventTeller {
 public:
  // A sentence without the download's name, escaped; nothing when the event is not worth one.
  std::optional<std::string> Tell(const DownloadEvent& event);

 private:
  // At most kTellsPerPeer sentences of one kind about one peer; the last one says that it is the last.
  std::optional<std::string> Bounded(const Endpoint& peer, char kind, std::string sentence);

  std::map<std::pair<Endpoint, char>, int> told_;
  std::string waiting_because_;
};

// "tracker URL is away: WHY", "tracker URL is back".
std::string TellTracker(const tracking::TrackerUrl& tracker, const absl::Status& status);
// A failure's message, escaped, without the tracker's name if it begins with that.
std::string WhyAway(const tracking::TrackerUrl& tracker, absl::string_view message);

}  // namespace shoal::leecher
