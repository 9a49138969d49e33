#include "shoal/stream/upload/gathered_chunks.h"

#include <algorithm>

#include "shoal/base/file_io.h"
#include "shoal/base/status_macros.h"

namespace shoal::stream {

absl::Status GatheredChunks::Add(const FrameHeader& header, const FileRegion& region) {
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

}  // namespace shoal::stream
