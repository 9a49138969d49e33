#pragma once

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "shoal/content/manifest/checksum.h"
#include "shoal/content/manifest/manifest.h"

namespace shoal {

// Reads chunks from an open file and computes their checksums. It reads in steps that fit a core's cache,
// whatever the chunk size, and allocates only at construction. It does not open files and does not decide
// where chunks begin.
//
// Thread safety: one thread at a time; each hashing thread has its own.
class ChunkHasher {
 public:
  ChunkHasher();

  // Returns: the checksums of the `length_bytes` bytes at `offset_bytes` of `fd`. The position of `fd` is
  // neither used nor changed. The object can be used again after an error.
  // Errors: OUT_OF_RANGE if the file ends before; from errno if it can't be read.
  absl::StatusOr<ChunkChecksums> Hash(int fd, uint64_t offset_bytes, uint32_t length_bytes);

 private:
  Sha256 sha256_;
  std::unique_ptr<uint8_t[]> step_;
};

// Returns: both checksums of bytes in memory. Thread safety: thread-safe.
ChunkChecksums ChecksumsOf(ByteView bytes);

}  // namespace shoal
