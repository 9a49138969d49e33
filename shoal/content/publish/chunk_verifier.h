#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "shoal/base/byte_order.h"
#include "shoal/content/manifest/chunk_set.h"
#include "shoal/content/manifest/manifest.h"
#include "shoal/content/publish/chunk_source.h"

namespace shoal {

// Reads the chunks of `claimed` from where `open` says they lie, on all cores, and returns those of them
// whose checksums are the manifest's. A chunk that can't be read counts as wrong. Blocks.
ChunkSet VerifyChunks(const Manifest& manifest, const ChunkSet& claimed,
                      const std::function<absl::StatusOr<FileRegion>(ChunkIndex)>& open);

// Whether a few of `chunks`, drawn at random, are right: at most `max_bytes` of them, but one at least.
bool SamplesAreRight(const Manifest& manifest, const ChunkSet& chunks, uint64_t max_bytes,
                     const std::function<absl::StatusOr<FileRegion>(ChunkIndex)>& open);

// Whether all of `chunks` are right; stops at the first that is not.
bool AreRight(const Manifest& manifest, const ChunkSet& chunks,
              const std::function<absl::StatusOr<FileRegion>(ChunkIndex)>& open);

// Bytes that claim to be a chunk, and their CRC-32 as computed when they arrived.
struct ArrivedChunk {
  ChunkIndex index;
  ByteView bytes;
  uint32_t crc32 = 0;
};

// Whether each of `chunks` is what the manifest has under its index, by length, CRC-32 and SHA-256. Costs
// less for several at once: those of about one length are hashed side by side. A chunk that the content does
// not have is not right.
std::vector<bool> AreRight(const Manifest& manifest, std::span<const ArrivedChunk> chunks);

}  // namespace shoal
