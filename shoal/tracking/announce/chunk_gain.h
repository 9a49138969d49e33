#pragma once

#include <optional>
#include <vector>

#include "shoal/content/manifest/chunk_set.h"

namespace shoal::tracking {

// Returns the chunks of `now` that `before` lacks, as runs. Nothing when no delta can express the change:
// `before` has chunks that `now` lacks, the sizes differ, or there are more than `max_ranges` runs. O(1) when
// both hold the same number of chunks: a peer only gains chunks, so they are the same ones.
std::optional<std::vector<ChunkRange>> ChunksGained(const ChunkSet& before, const ChunkSet& now,
                                                    size_t max_ranges);

}  // namespace shoal::tracking
