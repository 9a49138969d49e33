#include "shoal/base/file_io.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "shoal/base/error_cause.h"
#include "shoal/base/file_descriptor.h"
#include "shoal/base/status_macros.h"

namespace shoal {
namespace {

// RWF_DONTCACHE, which the C library's headers may be too old for.
constexpr int kDontCache = 0x80;

// Opening a named pipe would wait for its other end.
absl::StatusOr<FileDescriptor> OpenToRead(const std::string& path) {
  return FileDescriptor::Open(path, O_RDONLY | O_NONBLOCK);
}

absl::StatusOr<std::string> ReadWhole(const FileDescriptor& file, const std::string& path,
                                      uint64_t max_bytes) {
  struct stat info{};
  if (fstat(file.get(), &info) != 0) return ErrnoStatus(errno, absl::StrCat("cannot look at ", path));
  if (!S_ISREG(info.st_mode)) {
    return WithCause(absl::InvalidArgumentError(absl::StrCat(path, " is no regular file")),
                     ErrorCause::kUsage);
  }
  if (static_cast<uint64_t>(info.st_size) > max_bytes) {
    return absl::InvalidArgumentError(absl::StrCat(path, " has more than ", max_bytes, " bytes"));
  }
  std::string bytes(static_cast<size_t>(info.st_size), '\0');
  const absl::Status read = ReadAt(file.get(), {reinterpret_cast<uint8_t*>(bytes.data()), bytes.size()}, 0);
  if (!read.ok()) return Annotate(path, read);
  return bytes;
}

// Syncs the name at `path`. Some file systems can't sync a folder, and then need not.
void SyncFolderOf(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const absl::StatusOr<FileDescriptor> opened = FileDescriptor::Open(folder, O_RDONLY | O_DIRECTORY);
  if (opened.ok()) static_cast<void>(fsync(opened->get()));
}

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

absl::StatusOr<FileDescriptor> CreateFreshFile(const std::string& path, unsigned mode) {
  if (unlink(path.c_str()) != 0 && errno != ENOENT)
    return ErrnoStatus(errno, absl::StrCat("cannot replace ", path));
  return FileDescriptor::Open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
}

bool IsOwnFile(const FileDescriptor& file) {
  struct stat info{};
  return fstat(file.get(), &info) == 0 && (info.st_uid == geteuid() || info.st_uid == 0);
}

absl::StatusOr<std::string> ReadFile(const std::string& path, uint64_t max_bytes) {
  SHOAL_ASSIGN_OR_RETURN(const FileDescriptor file, OpenToRead(path));
  return ReadWhole(file, path, max_bytes);
}

absl::StatusOr<std::string> ReadOwnFile(const std::string& path, uint64_t max_bytes) {
  SHOAL_ASSIGN_OR_RETURN(const FileDescriptor file, OpenToRead(path));
  if (!IsOwnFile(file))
    return absl::FailedPreconditionError(absl::StrCat(path, " belongs to another user: it is not trusted"));
  return ReadWhole(file, path, max_bytes);
}

absl::Status ReplaceFile(const std::string& path, ByteView bytes, unsigned mode) {
  const std::string temporary = absl::StrCat(path, ".", getpid(), ".shoal-tmp");
  absl::Status status;
  {
    SHOAL_ASSIGN_OR_RETURN(const FileDescriptor file, CreateFreshFile(temporary, mode));
    status = WriteAt(file.get(), bytes, 0);
    // Synced before it takes the name, or a power cut could leave an empty file under it.
    if (status.ok() && fdatasync(file.get()) != 0) status = ErrnoStatus(errno, "cannot sync");
  }
  if (status.ok() && rename(temporary.c_str(), path.c_str()) != 0) {
    status = ErrnoStatus(errno, "cannot rename");
  }
  if (!status.ok()) {
    unlink(temporary.c_str());
    return Annotate(path, status);
  }
  SyncFolderOf(path);
  return absl::OkStatus();
}

absl::Status MakeFolders(const std::string& path) {
  const size_t end = path.find_last_not_of('/');
  if (end == std::string::npos) return absl::OkStatus();  // the root, or the current folder
  const std::string folder = path.substr(0, end + 1);
  if (mkdir(folder.c_str(), 0777) != 0) {
    const int error = errno;
    struct stat info{};
    if (error == EEXIST && stat(folder.c_str(), &info) == 0) {
      if (S_ISDIR(info.st_mode)) return absl::OkStatus();
      return WithCause(absl::FailedPreconditionError(absl::StrCat(folder, " is no folder")),
                       ErrorCause::kUsage);
    }
    const size_t slash = folder.find_last_of('/');
    if (error != ENOENT || slash == std::string::npos)
      return ErrnoStatus(error, absl::StrCat("cannot make the folder ", folder));
    SHOAL_RETURN_IF_ERROR(MakeFolders(folder.substr(0, slash)));
    if (mkdir(folder.c_str(), 0777) != 0 && errno != EEXIST)
      return ErrnoStatus(errno, absl::StrCat("cannot make the folder ", folder));
  }
  SyncFolderOf(folder);
  return absl::OkStatus();
}

}  // namespace shoal
