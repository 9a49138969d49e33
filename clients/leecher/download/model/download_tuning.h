#pragma once

#include <cstdint>

#include "absl/time/time.h"
#include "shoal/stream/chunk_session.h"

namespace shoal::leecher {

// The times and bounds by which a download judges its peers and polls its trackers. The defaults suit links
// from a modem to loopback; tests shorten them.
struct DownloadTuning {
  // How long a peer that owes something may be silent: `first_silence` until its first chunk; then a time
  // that follows its own response times (see PeerCredit), within the two bounds. A peer that is the only
  // source gets `max_silence`.
  absl::Duration first_silence = absl::Seconds(5);
  absl::Duration min_silence = absl::Seconds(2);
  absl::Duration max_silence = absl::Seconds(15);

  // A peer that failed is dialled again after `first_backoff`, doubling up to `max_backoff`.
  absl::Duration first_backoff = absl::Seconds(1);
  absl::Duration max_backoff = absl::Minutes(1);

  // Between two lookups at one tracker: `min_poll` while peers are lacking, growing to `max_poll`.
  absl::Duration min_poll = absl::Seconds(1);
  absl::Duration max_poll = absl::Seconds(10);
  absl::Duration lookup_timeout = absl::Seconds(3);

  // After this long without a byte the observer is notified that nothing is received, and why.
  absl::Duration waiting_after = absl::Seconds(2);

  // Memory for chunks between network and disk: this much, but at least eight chunks.
  uint64_t buffer_bytes = 32 * 1024 * 1024;

  stream::SessionLimits session;
};

}  // namespace shoal::leecher
