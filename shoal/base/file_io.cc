#include "shoal/base/file_io.h"

#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

#include "shoal/base/file_descriptor.h"

namespace shoal {
namespace {

// RWF_DONTCACHE, which the C library's headers may be too old for.
constexpr int kDontCache = 0x80;

}  // namespace

absl::Status ReadAt(int fd, std::span<uint8_t> to, uint64_t offset) {
  while (!to.empty()) {
    const ssize_t got = pread(fd, to.data(), to.size(), static_cast<off_t>(offset));
    if (got < 0) {
      if (errno == EINTR) continue;
      return ErrnoStatus(errno, "cannot read");
    }
    if (got == 0) return absl::OutOfRangeError("the file is shorter than expected");
    to = to.subspan(static_cast<size_t>(got));
    offset += static_cast<uint64_t>(got);
  }
  return absl::OkStatus();
}

absl::Status WriteUncachedAt(int fd, ByteView bytes, uint64_t offset) {
  static std::atomic<bool> possible{true};
  while (!bytes.empty() && possible.load(std::memory_order_relaxed)) {
    const iovec all = {const_cast<uint8_t*>(bytes.data()), bytes.size()};
    const ssize_t put = pwritev2(fd, &all, 1, static_cast<off_t>(offset), kDontCache);
    if (put < 0) {
      if (errno == EINTR) continue;
      if (errno != EOPNOTSUPP && errno != EINVAL && errno != ENOSYS)
        return ErrnoStatus(errno, "cannot write");
      possible.store(false, std::memory_order_relaxed);
      break;
    }
    bytes = bytes.subspan(static_cast<size_t>(put));
    offset += static_cast<uint64_t>(put);
  }
  return WriteAt(fd, bytes, offset);
}

absl::Status WriteAt(int fd, ByteView bytes, uint64_t offset) {
  while (!bytes.empty()) {
    const ssize_t put = pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (put < 0) {
      if (errno == EINTR) continue;
      return ErrnoStatus(errno, "cannot write");
    }
    bytes = bytes.subspan(static_cast<size_t>(put));
    offset += static_cast<uint64_t>(put);
  }
  return absl::OkStatus();
}

}  // namespace shoal
