#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/time/time.h"
#include "shoal/base/clock.h"
#include "shoal/tracking/announce/announcer.h"

namespace shoal::leecher {

// What has arrived of a content since it was first announced to a tracker, as the tracker is told: the bytes,
// and their rate since the last report. Counted in whole chunks of the mean length.
//
// Thread safety: one thread at a time.
class Arrivals {
 public:
  // Requires: `clock` outlives this.
  Arrivals(uint32_t chunks_held, uint32_t mean_chunk_bytes, const Clock& clock)
      : clock_(clock),
        chunks_at_first_(chunks_held),
        mean_chunk_bytes_(mean_chunk_bytes),
        reported_(clock.Uptime()) {}

  // Adds the figures to `progress`, whose chunk set is current.
  void Report(tracking::Announcer::Progress* progress) {
    const absl::Duration now = clock_.Uptime();
    const double seconds = absl::ToDoubleSeconds(now - std::exchange(reported_, now));
    // Chunks that can't be read any more are not held any more.
    const uint32_t chunks = progress->held.count() - std::min(progress->held.count(), chunks_at_first_);
    const uint64_t before = std::exchange(received_bytes_, uint64_t{chunks} * mean_chunk_bytes_);
    progress->received_bytes = received_bytes_;
    if (seconds <= 0 || received_bytes_ <= before) return;
    progress->receive_rate_bytes_per_second =
        static_cast<uint64_t>(static_cast<double>(received_bytes_ - before) / seconds);
  }

 private:
  const Clock& clock_;
  const uint32_t chunks_at_first_;
  const uint32_t mean_chunk_bytes_;
  absl::Duration reported_;
  uint64_t received_bytes_ = 0;
};

}  // namespace shoal::leecher
