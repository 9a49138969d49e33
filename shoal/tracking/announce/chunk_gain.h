#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "shoal/content/manifest/chunk_set.h"

namespace shoal::tracking {

// Returns: the chunks of `now` that `before` lacks, as runs, for a heartbeat. nullopt if no delta can express
// the change, so that the peer must register again: `before` has chunks that `now` lacks, the sizes differ,
// or there are more than `max_ranges` runs. O(1) when both hold the same number of chunks: a peer only gains
// chunks, so they are the same ones.
inline std::optional<std::vector<ChunkRange>> ChunksGained(const ChunkSet& before, const ChunkSet& now,
                                                           size_t max_ranges) {
  std::vector<ChunkRange> gained;
  if (before.size() != now.size() || before.count() > now.count()) return std::nullopt;
  if (before.count() == now.count()) return gained;
  uint32_t count = 0;
  for (const ChunkRange& run : now.Ranges()) {
    for (uint32_t i = run.first.value(); i < run.first.value() + run.count; ++i) {
      if (before.Contains(ChunkIndex(i))) continue;
      ++count;
      if (!gained.empty() && gained.back().first.value() + gained.back().count == i) {
        ++gained.back().count;
      } else if (gained.size() == max_ranges) {
        return std::nullopt;
      } else {
        gained.push_back({ChunkIndex(i), 1});
      }
    }
  }
  if (before.count() + count != now.count()) return std::nullopt;
  return gained;
}

}  // namespace shoal::tracking
