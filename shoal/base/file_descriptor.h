#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace shoal {

// Owns an open file descriptor and closes it. Moves, does not copy. Not thread-safe itself; the number it
// hands out may be used from any thread as long as the object lives.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;
  ~FileDescriptor() { Close(); }

  bool valid() const { return fd_ >= 0; }
  int get() const { return fd_; }
  int Release() { return std::exchange(fd_, -1); }
  void Close();

  // open(2) with O_CLOEXEC added. `flags` as there; `mode` counts when O_CREAT is among them. Errors name the
  // path and carry what errno says, mapped to the nearest status code (ENOENT: NOT_FOUND, EACCES/EPERM:
  // PERMISSION_DENIED, ENOSPC/EDQUOT: RESOURCE_EXHAUSTED, EEXIST: ALREADY_EXISTS, others: as
  // absl::ErrnoToStatus).
  static absl::StatusOr<FileDescriptor> Open(const std::string& path, int flags, unsigned mode = 0644);

 private:
  int fd_ = -1;
};

// The Status for `errno_value`, its message "WHAT: reason", with the mapping that FileDescriptor::Open
// documents.
absl::Status ErrnoStatus(int errno_value, absl::string_view what);

// Bytes of an open file, ready for sendfile: the descriptor stays open as long as the region is held.
struct FileRegion {
  std::shared_ptr<const FileDescriptor> file;
  uint64_t offset_bytes = 0;
  uint32_t length_bytes = 0;
};

}  // namespace shoal
