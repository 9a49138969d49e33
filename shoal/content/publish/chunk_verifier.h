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

// Compares chunks with the checksums of a manifest: chunks on a disk, read through `open` (which says where a
// chunk is stored and is called from several threads), and chunks in memory. A chunk that can't be read
// counts as wrong. The functions return when the work is complete; those that read a disk use all cores.
//
// Thread safety: thread-safe.

// Returns the chunks of `claimed` whose bytes match their checksums.
ChunkSet VerifyChunks(const Manifest& manifest, const ChunkSet& claimed,
                      const std::function<absl::StatusOr<FileRegion>(ChunkIndex)>& open);

// Returns: whether a random sample of `chunks` is right. The sample has at most `max_bytes` bytes, and at
// least one chunk.
bool SamplesAreRight(const Manifest& manifest, const ChunkSet& chunks, uint64_t max_bytes,
                     const std::function<absl::StatusOr<FileRegion>(ChunkIndex)>& open);

// Returns: whether all of `chunks` are right. Stops at the first that is not.
bool AreRight(const Manifest& manifest, const ChunkSet& chunks,
              const std::function<absl::StatusOr<FileRegion>(ChunkIndex)>& open);

// Bytes received as a chunk, and their CRC-32 as computed on arrival.
struct ArrivedChunk {
  ChunkIndex index;
  ByteView bytes;
  uint32_t crc32 = 0;
};

// Returns: per element, whether its length, CRC-32 and SHA-256 are those of the manifest. An index past the
// end of the content is not right. Several chunks in one call cost less: those of similar length are hashed
// interleaved.
std::vector<bool> AreRight(const Manifest& manifest, std::span<const ArrivedChunk> chunks);

}  // namespace shoal
