#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "shoal/tracking/client/tracker_url.h"
#include "shoal/tracking/messages/messages.h"

namespace shoal::leecher {

// Questions that a person has for all trackers together. Each blocks until all have answered or failed.

struct TrackerFailure {
  tracking::TrackerUrl tracker;
  absl::Status status;
};

struct Listing {
  std::vector<tracking::ContentStatus> contents;  // by name, then the newest first; each content once
  std::vector<TrackerFailure> failures;
  bool tracker_answered = false;
};
// All contents whose name contains `name_contains` (empty: all).
Listing ListContents(const std::vector<tracking::TrackerUrl>& trackers, const std::string& name_contains);

struct SwarmView {
  // OK when `swarm` is there; NOT_FOUND, FAILED_PRECONDITION (several have the name: `candidates`),
  // UNAVAILABLE (no tracker answered).
  absl::Status status;
  tracking::GetSwarmResponse swarm;  // of all trackers together, each peer once
  std::vector<tracking::ContentStatus> candidates;
  std::vector<TrackerFailure> failures;
  bool tracker_answered = false;
};
SwarmView ViewSwarm(const std::vector<tracking::TrackerUrl>& trackers, const tracking::ContentKey& content);

// What `word` (a name, an id, the beginning of one) means to these trackers; asks them only for what could be
// the beginning of an id. FAILED_PRECONDITION when it begins several.
absl::StatusOr<tracking::ContentKey> KeyFor(const std::string& word,
                                            const std::vector<tracking::TrackerUrl>& trackers);

}  // namespace shoal::leecher
