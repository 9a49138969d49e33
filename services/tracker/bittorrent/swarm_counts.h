#pragma once

#include <cstdint>

namespace shoal::tracker {

// What a BitTorrent swarm amounts to.
struct SwarmCounts {
  uint32_t seeders = 0;
  uint32_t leechers = 0;
  uint32_t completed = 0;  // downloads that came to their end

  friend bool operator==(const SwarmCounts&, const SwarmCounts&) = default;
};

}  // namespace shoal::tracker
