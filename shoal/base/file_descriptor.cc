#include "shoal/base/file_descriptor.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "shoal/base/error_cause.h"

namespace shoal {

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
  if (this != &other) {
    Close();
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

void FileDescriptor::Close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

absl::StatusOr<FileDescriptor> FileDescriptor::Open(const std::string& path, int flags, unsigned mode) {
  for (;;) {
    const int fd = ::open(path.c_str(), flags | O_CLOEXEC, mode);
    if (fd >= 0) return FileDescriptor(fd);
    if (errno != EINTR) return ErrnoStatus(errno, absl::StrCat("cannot open ", path));
  }
}

absl::Status ErrnoStatus(int errno_value, absl::string_view what) {
  const std::string message = absl::StrCat(what, ": ", strerrordesc_np(errno_value));
  switch (errno_value) {
    case EACCES:
    case EPERM:
    case EROFS:
      return WithCause(absl::PermissionDeniedError(message), ErrorCause::kNoPermission);
    case ENOSPC:
    case EDQUOT:
      return WithCause(absl::ResourceExhaustedError(message), ErrorCause::kDiskFull);
    case EMFILE:
    case ENFILE:
      return WithCause(absl::ResourceExhaustedError(message), ErrorCause::kTooManyOpenFiles);
    case ENOENT:
    case ENOTDIR:
      return WithCause(absl::Status(absl::ErrnoToStatusCode(errno_value), message), ErrorCause::kNoSuchPath);
    default:
      return absl::Status(absl::ErrnoToStatusCode(errno_value), message);
  }
}

}  // namespace shoal
