#pragma once

#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "shoal/base/byte_order.h"

namespace shoal {

// pread and pwrite that go on until all is done. Thread-safe: they do not touch the descriptor's own
// position.

// Fills `to` from `offset` on. OUT_OF_RANGE when the file ends before; other errors as ErrnoStatus.
absl::Status ReadAt(int fd, std::span<uint8_t> to, uint64_t offset);
absl::Status WriteAt(int fd, ByteView bytes, uint64_t offset);

// As WriteAt, but the bytes go to the disk soon and need not stay in the page cache, where the kernel (Linux
// 6.14) and the file system can do that; elsewhere it is WriteAt.
absl::Status WriteUncachedAt(int fd, ByteView bytes, uint64_t offset);

}  // namespace shoal
