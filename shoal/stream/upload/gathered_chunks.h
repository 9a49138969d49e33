#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "shoal/base/byte_order.h"
#include "shoal/content/publish/chunk_source.h"
#include "shoal/stream/wire/frame.h"

namespace shoal::stream {

// Small chunks, each with its frame's header, read out of their files one behind the other, so that they
// leave with one call: below 64 KiB, two system calls for a chunk cost more than a copy of its bytes. Takes
// its memory, about 320 KiB, with the first chunk. One thread.
class GatheredChunks {
 public:
  static constexpr uint32_t kSmallChunkBytes = 64 * 1024;
  static bool IsSmall(const FileRegion& region) { return region.length_bytes < kSmallChunkBytes; }

  // Reads the chunk behind the others. Needs !full() and a small chunk. Errors as ReadAt, and then nothing
  // has changed.
  absl::Status Add(const FrameHeader& header, const FileRegion& region);

  // It is time to send them.
  bool full() const { return size_bytes_ >= kFullBytes; }
  uint32_t count() const { return count_; }
  // Frames, for as long as this lives and nothing is added.
  ByteView bytes() const { return {bytes_.get(), size_bytes_}; }
  uint64_t payload_bytes() const { return size_bytes_ - uint64_t{count_} * kFrameHeaderBytes; }

 private:
  static constexpr size_t kFullBytes = 256 * 1024;

  std::unique_ptr<uint8_t[]> bytes_;  // kFullBytes and one more chunk
  size_t size_bytes_ = 0;
  uint32_t count_ = 0;
};

}  // namespace shoal::stream
