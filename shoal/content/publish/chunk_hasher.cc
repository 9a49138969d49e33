#include "shoal/content/publish/chunk_hasher.h"

#include <algorithm>
#include <span>

#include "absl/status/status.h"
#include "shoal/base/file_io.h"

namespace shoal {
namespace {

constexpr size_t kStepBytes = 128 * 1024;

}  // namespace

ChunkHasher::ChunkHasher() : step_(std::make_unique_for_overwrite<uint8_t[]>(kStepBytes)) {}

absl::StatusOr<ChunkChecksums> ChunkHasher::Hash(int fd, uint64_t offset_bytes, uint32_t length_bytes) {
  ChunkChecksums checksums;
  while (length_bytes > 0) {
    const std::span<uint8_t> step(step_.get(), std::min<size_t>(kStepBytes, length_bytes));
    if (absl::Status status = ReadAt(fd, step, offset_bytes); !status.ok()) {
      sha256_.Finish();
      return status;
    }
    checksums.crc32 = Crc32(step, checksums.crc32);
    sha256_.Update(step);
    offset_bytes += step.size();
    length_bytes -= static_cast<uint32_t>(step.size());
  }
  checksums.sha256 = sha256_.Finish();
  return checksums;
}

ChunkChecksums ChecksumsOf(ByteView bytes) {
  return {Crc32(bytes), Sha256::Of(bytes)};
}

}  // namespace shoal
