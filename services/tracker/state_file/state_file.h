#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/tracker/state/tracker_state.h"
#include "shoal/base/clock.h"

namespace shoal::tracker {

// The warm restart: what a registry knows, in a file from one life of the tracker to the next.
struct StateCounts {
  uint64_t contents = 0;
  uint64_t peers = 0;
  uint64_t swarms = 0;  // BitTorrent's
  uint64_t swarm_peers = 0;
};

// Writes the file whole or not at all (a temporary file beside it, fsync, rename).
absl::StatusOr<StateCounts> SaveState(const std::string& path, const TrackerState& state, const Clock& clock);

// Fills an empty registry. Leases are shortened to two heartbeat intervals, so that who is gone goes soon,
// and who is there has time to say so; BitTorrent peers, who come by seldom, have as much of their lives left
// as they had when it was written. NOT_FOUND when there is no file. A file that is broken, foreign, of
// another version or older than an hour is not used (DATA_LOSS, UNIMPLEMENTED, OUT_OF_RANGE), and changes
// nothing.
absl::StatusOr<StateCounts> LoadState(const std::string& path, TrackerState* state, const Clock& clock);

}  // namespace shoal::tracker
