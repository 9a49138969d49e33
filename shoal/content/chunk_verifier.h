#pragma once

#include <functional>

#include "absl/status/statusor.h"
#include "shoal/content/chunk_set.h"
#include "shoal/content/chunk_source.h"
#include "shoal/content/manifest.h"

namespace shoal {

// Reads the chunks of `claimed` from where `open` says they lie, on all cores, and returns those of them
// whose checksums are the manifest's. A chunk that can't be read counts as wrong. Blocks.
ChunkSet VerifyChunks(const Manifest& manifest, const ChunkSet& claimed,
                      const std::function<absl::StatusOr<FileRegion>(ChunkIndex)>& open);

// Whether all chunks are right; stops at the first that is not.
bool AllChunksRight(const Manifest& manifest,
                    const std::function<absl::StatusOr<FileRegion>(ChunkIndex)>& open);

}  // namespace shoal
