#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "shoal/base/byte_order.h"
#include "shoal/base/file_io.h"
#include "shoal/base/status_macros.h"
#include "shoal/content/publish/chunk_source.h"
#include "shoal/stream/wire/frame.h"

namespace shoal::stream {

// The frames of several small chunks in one buffer, to be sent with one system call: below 64 KiB, two system
// calls for a chunk cost more than a copy of its bytes. Allocates its buffer, about 320 KiB, with the first
// chunk.
//
// Thread safety: one thread.
class GatheredChunks {
 public:
  static constexpr uint32_t kSmallChunkBytes = 64 * 1024;
  static bool IsSmall(const FileRegion& region) { return region.length_bytes < kSmallChunkBytes; }

  // Reads the chunk and appends its frame. Requires: !full() and IsSmall(region). Errors: those of ReadAt;
  // nothing was appended then.
  absl::Status Add(const FrameHeader& header, const FileRegion& region) {
    if (bytes_ == nullptr) {
      bytes_ = std::make_unique_for_overwrite<uint8_t[]>(kFullBytes + kFrameHeaderBytes + kSmallChunkBytes);
    }
    uint8_t* const frame = bytes_.get() + size_bytes_;
    const auto header_bytes = header.Encode();
    std::copy(header_bytes.begin(), header_bytes.end(), frame);
    SHOAL_RETURN_IF_ERROR(
        ReadAt(region.file->get(), {frame + kFrameHeaderBytes, region.length_bytes}, region.offset_bytes));
    size_bytes_ += kFrameHeaderBytes + region.length_bytes;
    ++count_;
    return absl::OkStatus();
  }

  // Returns whether the frames should be sent now.
  bool full() const { return size_bytes_ >= kFullBytes; }
  uint32_t count() const { return count_; }
  // Returns the frames. Valid until the next Add, and while this lives.
  ByteView bytes() const { return {bytes_.get(), size_bytes_}; }
  uint64_t payload_bytes() const { return size_bytes_ - uint64_t{count_} * kFrameHeaderBytes; }

 private:
  static constexpr size_t kFullBytes = 256 * 1024;

  std::unique_ptr<uint8_t[]> bytes_;  // kFullBytes and one more frame
  size_t size_bytes_ = 0;
  uint32_t count_ = 0;
};

}  // namespace shoal::stream
