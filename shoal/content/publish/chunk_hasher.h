#pragma once

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "shoal/content/manifest/checksum.h"
#include "shoal/content/manifest/manifest.h"

namespace shoal {

// Reads chunks from the disk and computes their checksums. Reads in steps that fit a core's cache, whatever
// the chunk size. One thread each.
class ChunkHasher {
 public:
  ChunkHasher();

  // Of `length_bytes` bytes at `offset_bytes`. OUT_OF_RANGE when the file ends before; else what errno says.
  absl::StatusOr<ChunkChecksums> Hash(int fd, uint64_t offset_bytes, uint32_t length_bytes);

 private:
  Sha256 sha256_;
  std::unique_ptr<uint8_t[]> step_;
};

// Both checksums of bytes in memory. Thread-safe.
ChunkChecksums ChecksumsOf(ByteView bytes);

}  // namespace shoal
