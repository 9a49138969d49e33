#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/tracker/state/tracker_state.h"
#include "shoal/base/clock.h"

namespace shoal::tracker {

// The number of records of each kind in a state file.
struct StateCounts {
  uint64_t contents = 0;
  uint64_t peers = 0;
  uint64_t swarms = 0;  // BitTorrent's
  uint64_t swarm_peers = 0;
};

// Checks, before the tracker does anything, that a state file can be written to `path` at the end: that its
// folder can be written, and that `path` is free or an earlier state file, whole or not. Errors: those of
// CheckOutputFile; kTargetExists when it is another file, which would be lost.
absl::Status CheckStateFile(const std::string& path);

// For a warm restart: writes a tracker's state to a file, completely or not at all (a temporary file beside
// it, fsync, rename). Blocks until the file is durable. The state may change meanwhile: see
// TrackerState::Export. Errors: those of the file system, with the path; an earlier file then remains.
absl::StatusOr<StateCounts> SaveState(const std::string& path, const TrackerState& state, const Clock& clock);

// Reads the file into an empty state. Shortens leases to two heartbeat intervals, so that peers that are gone
// lapse soon and the others have time to renew; BitTorrent peers, which announce seldom, keep what was left
// of their lives. Ends the registry's warm-up if the file is younger than a lease: then it has all live
// peers. Errors, which change nothing: NOT_FOUND when there is no file; DATA_LOSS for a broken or
// foreign file, UNIMPLEMENTED for another version, OUT_OF_RANGE for a file older than an hour.
absl::StatusOr<StateCounts> LoadState(const std::string& path, TrackerState* state, const Clock& clock);

}  // namespace shoal::tracker
