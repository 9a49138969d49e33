#include "shoal/tracking/announce/chunk_gain.h"

namespace shoal::tracking {

std::optional<std::vector<ChunkRange>> ChunksGained(const ChunkSet& before, const ChunkSet& now,
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
