#pragma once

#include <atomic>
#include <cstdint>

#include "services/tracker/limits/bounded_count.h"

namespace shoal::tracker {

// Bounds on the swarms of BitTorrent clients, which are counted apart from Shoal's leases: a peer takes about
// ten bytes, a swarm about a hundred.
struct BitTorrentLimits {
  uint64_t max_swarms = 10'000'000;
  uint64_t max_peers = 100'000'000;
  uint32_t max_peers_per_swarm = 5'000'000;
};

// How much of BitTorrentLimits is in use. Thread-safe.
struct BitTorrentUsage {
  explicit BitTorrentUsage(const BitTorrentLimits& limits)
      : swarms(limits.max_swarms), peers(limits.max_peers), max_peers_per_swarm(limits.max_peers_per_swarm) {}

  void SetLimits(const BitTorrentLimits& limits) {
    swarms.set_limit(limits.max_swarms);
    peers.set_limit(limits.max_peers);
    max_peers_per_swarm.store(limits.max_peers_per_swarm, std::memory_order_relaxed);
  }

  BoundedCount swarms;
  BoundedCount peers;
  std::atomic<uint32_t> max_peers_per_swarm;
  std::atomic<uint64_t> full_swarms{0};  // announces refused because their swarm was full
  std::atomic<uint64_t> lapsed{0};       // peers, since the start
};

}  // namespace shoal::tracker
