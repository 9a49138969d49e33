#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace shoal {

// Owns an open file descriptor and closes it on destruction. Movable, not copyable.
//
// Thread safety: one thread at a time; the number that get() returns may be used on any thread while this
// lives.
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

  // Calls open(2) with O_CLOEXEC added to `flags`; `mode` is used when O_CREAT is among them. Errors: those
  // of ErrnoStatus, with the path.
  static absl::StatusOr<FileDescriptor> Open(const std::string& path, int flags, unsigned mode = 0644);

 private:
  int fd_ = -1;
};

// Returns the error for `errno_value`, with the message "WHAT: reason": ENOENT is NOT_FOUND; EACCES, EPERM
// and EROFS are PERMISSION_DENIED; ENOSPC, EDQUOT, EMFILE and ENFILE are RESOURCE_EXHAUSTED; EEXIST is
// ALREADY_EXISTS; others are as in absl::ErrnoToStatusCode. Its cause is kNoSuchPath, kNoPermission,
// kDiskFull or kTooManyOpenFiles where it is one of them.
absl::Status ErrnoStatus(int errno_value, absl::string_view what);

// A range of an open file, ready for sendfile(2). Holds the descriptor open.
struct FileRegion {
  std::shared_ptr<const FileDescriptor> file;
  uint64_t offset_bytes = 0;
  uint32_t length_bytes = 0;
};

}  // namespace shoal
