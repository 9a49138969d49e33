#include "shoal/content/store/target_file_system.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "shoal/base/error_cause.h"
#include "shoal/base/file_descriptor.h"
#include "shoal/base/file_io.h"

namespace shoal {
namespace {

// Calls `call` until it is not interrupted. Returns an errno value.
template <typename Call>
int ErrorOf(Call call) {
  while (call() != 0) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

}  // namespace

bool IsUnsupported(int error) {
  return error == ENOSYS || error == EOPNOTSUPP || error == ENOTSUP || error == EINVAL;
}

bool IsAllZeros(ByteView bytes) {
  return bytes.empty() ||
         (bytes.front() == 0 && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

int FileSystemCalls::Lock(int fd) const {
  return ErrorOf([&] { return flock(fd, LOCK_EX | LOCK_NB); });
}

// fallocate and not posix_fallocate, which writes all over the file if the file system can't allocate.
int FileSystemCalls::Allocate(int fd, uint64_t offset_bytes, uint64_t length_bytes) const {
  return ErrorOf(
      [&] { return fallocate(fd, 0, static_cast<off_t>(offset_bytes), static_cast<off_t>(length_bytes)); });
}

int FileSystemCalls::PunchHole(int fd, uint64_t offset_bytes, uint64_t length_bytes) const {
  return ErrorOf([&] {
    return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset_bytes),
                     static_cast<off_t>(length_bytes));
  });
}

int FileSystemCalls::SetLength(int fd, uint64_t length_bytes) const {
  return ErrorOf([&] { return ftruncate(fd, static_cast<off_t>(length_bytes)); });
}

absl::Status FileSystemCalls::Write(int fd, ByteView bytes, uint64_t offset_bytes, bool uncached) const {
  return uncached ? WriteUncachedAt(fd, bytes, offset_bytes) : WriteAt(fd, bytes, offset_bytes);
}

int FileSystemCalls::RenameToFree(int from_folder, const std::string& from, int to_folder,
                                  const std::string& to) const {
  return ErrorOf(
      [&] { return renameat2(from_folder, from.c_str(), to_folder, to.c_str(), RENAME_NOREPLACE); });
}

int FileSystemCalls::SetMode(int fd, mode_t mode) const {
  return ErrorOf([&] { return fchmod(fd, mode); });
}

int FileSystemCalls::MakeLink(const std::string& target, int folder, const std::string& name) const {
  return ErrorOf([&] { return symlinkat(target.c_str(), folder, name.c_str()); });
}

int FileSystemCalls::SyncAll(int fd) const {
  return ErrorOf([&] { return syncfs(fd); });
}

TargetFileSystem::TargetFileSystem(std::string shown_folder, std::shared_ptr<const FileSystemCalls> calls,
                                   Warn warn)
    : shown_folder_(std::move(shown_folder)),
      calls_(calls != nullptr ? std::move(calls) : std::make_shared<const FileSystemCalls>()),
      warn_(std::move(warn)) {}

void TargetFileSystem::Warning(const std::string& text) const {
  if (warn_ != nullptr) warn_(text);
}

void TargetFileSystem::WarnOnce(Kind kind, const std::string& text) const {
  {
    MutexLock lock(&mutex_);
    if (std::exchange(warned_[kind], true)) return;
  }
  Warning(absl::StrCat("the file system of ", shown_folder_, " ", text));
}

int TargetFileSystem::Lock(int fd) const {
  const int error = calls_->Lock(fd);
  // ENOLCK: NFS without a lock server.
  if (!IsUnsupported(error) && error != ENOLCK) return error;
  WarnOnce(kLocks, "has no file locks: don't fetch one content into it by two processes at a time");
  return 0;
}

int TargetFileSystem::Allocate(int fd, uint64_t length_bytes) const {
  const int error = calls_->Allocate(fd, 0, length_bytes);
  if (!IsUnsupported(error)) return error;
  WarnOnce(kAllocation, "can't reserve space: the disk may become full before the download is complete");
  return SetLength(fd, length_bytes);
}

int TargetFileSystem::AllocateRange(int fd, uint64_t offset_bytes, uint64_t length_bytes) const {
  const int error = calls_->Allocate(fd, offset_bytes, length_bytes);
  if (!IsUnsupported(error)) return error;
  WarnOnce(kAllocation, "can't reserve space: the disk may become full before the download is complete");
  return 0;
}

int TargetFileSystem::SetLength(int fd, uint64_t length_bytes) const {
  const int error = calls_->SetLength(fd, length_bytes);
  if ((!IsUnsupported(error) && error != EPERM) || length_bytes == 0) return error;
  // Some FUSE file systems can't lengthen a file except by a write.
  struct stat info;
  if (fstat(fd, &info) != 0) return errno;
  if (static_cast<uint64_t>(info.st_size) >= length_bytes) return error;
  const uint8_t zero = 0;
  return WriteAt(fd, ByteView(&zero, 1), length_bytes - 1).ok() ? 0 : error;
}

absl::Status TargetFileSystem::WriteZeros(int fd, ByteView zeros, uint64_t offset_bytes) const {
  const int error = calls_->PunchHole(fd, offset_bytes, zeros.size());
  if (error == 0) return absl::OkStatus();
  if (!IsUnsupported(error)) return ErrnoStatus(error, "cannot write");
  // A file that was lengthened has zeros there already.
  std::vector<uint8_t> there(zeros.size());
  if (ReadAt(fd, there, offset_bytes).ok() && std::equal(zeros.begin(), zeros.end(), there.begin()))
    return absl::OkStatus();
  return calls_->Write(fd, zeros, offset_bytes, /*uncached=*/false);
}

absl::Status TargetFileSystem::Write(int fd, ByteView bytes, uint64_t offset_bytes, bool uncached) const {
  return calls_->Write(fd, bytes, offset_bytes, uncached);
}

int TargetFileSystem::RenameToFree(int from_folder, const std::string& from, int to_folder,
                                   const std::string& to) const {
  const int error = calls_->RenameToFree(from_folder, from, to_folder, to);
  if (!IsUnsupported(error)) return error;
  WarnOnce(kRename,
           "can't rename a file unless the name is taken: don't let another program create the same name");
  struct stat info;
  if (fstatat(to_folder, to.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) return EEXIST;
  return ErrorOf([&] { return renameat(from_folder, from.c_str(), to_folder, to.c_str()); });
}

int TargetFileSystem::SetMode(int fd, mode_t mode) const {
  const int error = calls_->SetMode(fd, mode);
  // EPERM: FAT, where the mount options decide about the bits of all files.
  if (!IsUnsupported(error) && error != EPERM) return error;
  WarnOnce(kModes, "has no mode bits: executable files are not marked as such");
  return 0;
}

int TargetFileSystem::MakeLink(const std::string& target, int folder, const std::string& name,
                               const std::string& shown) const {
  const int error = calls_->MakeLink(target, folder, name);
  // EPERM: FAT.
  if (!IsUnsupported(error) && error != EPERM) return error;
  WarnOnce(kLinks, absl::StrCat("has no symbolic links: they are left out, ", shown, " is the first"));
  return 0;
}

int TargetFileSystem::SyncAll(int fd) const {
  const int error = calls_->SyncAll(fd);
  return IsUnsupported(error) ? 0 : error;
}

absl::Status TargetFileSystem::DiskStatus(int error, absl::string_view what) const {
  constexpr char kFreeSpace[] = "; free some space and run the same command again";
  struct statvfs disk;
  switch (error) {
    case ENOSPC:
      if (statvfs(shown_folder_.c_str(), &disk) == 0 && disk.f_files > 0 && disk.f_favail == 0) {
        return WithCause(absl::ResourceExhaustedError(absl::StrCat(
                             "the disk of ", shown_folder_, " takes no more files (see df -i): ", what,
                             "; remove some files and run the same command again")),
                         ErrorCause::kDiskFull);
      }
      return WithCause(absl::ResourceExhaustedError(
                           absl::StrCat("the disk of ", shown_folder_, " is full: ", what, kFreeSpace)),
                       ErrorCause::kDiskFull);
    case EDQUOT:
      return WithCause(absl::ResourceExhaustedError(absl::StrCat("the disk quota in ", shown_folder_,
                                                                 " is used up: ", what, kFreeSpace)),
                       ErrorCause::kDiskFull);
    case EROFS:
      return WithCause(absl::PermissionDeniedError(
                           absl::StrCat("the file system of ", shown_folder_, " is read-only: ", what,
                                        "; make it writable and run the same command again")),
                       ErrorCause::kNoPermission);
    case EFBIG:
      return absl::OutOfRangeError(absl::StrCat("the file system of ", shown_folder_,
                                                " takes no file of this length (FAT: below 4 GiB; see ulimit"
                                                " -f): ",
                                                what, "; choose an output folder on another disk"));
    default:
      return ErrnoStatus(error, what);
  }
}

absl::Status TargetFileSystem::DiskStatus(const absl::Status& status, absl::string_view what) const {
  if (status.ok()) return status;
  // The errno value is in the message only, as ErrnoStatus puts it there.
  for (const int error : {ENOSPC, EDQUOT, EROFS, EFBIG}) {
    if (absl::EndsWith(status.message(), strerrordesc_np(error))) return DiskStatus(error, what);
  }
  return Annotate(what, status);
}

}  // namespace shoal
