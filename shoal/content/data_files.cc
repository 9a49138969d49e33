#include "shoal/content/data_files.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "shoal/base/status_macros.h"
#include "shoal/base/units.h"
#include "shoal/content/checksum.h"
#include "shoal/content/file_io.h"
#include "shoal/content/open_below.h"

namespace shoal {
namespace {

constexpr uint64_t kBlockBytes = 512;  // the unit of st_blocks, whatever the file system's own is

// Makes sure that the file's first `length_bytes` bytes have room on the disk, and that it is so long.
// fallocate and not posix_fallocate: where the file system can't, the latter writes to every block. Returns
// an errno value.
int Allocate(int fd, uint64_t length_bytes) {
  for (;;) {
    if (fallocate(fd, 0, 0, static_cast<off_t>(length_bytes)) == 0) return 0;
    if (errno == EINTR) continue;
    if (errno != EOPNOTSUPP && errno != ENOSYS) return errno;
    return ftruncate(fd, static_cast<off_t>(length_bytes)) == 0 ? 0 : errno;
  }
}

// rename that never takes the place of something. Returns an errno value.
int RenameToFree(int folder, const std::string& from, const std::string& to) {
  if (renameat2(folder, from.c_str(), folder, to.c_str(), RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return errno;
  // A file system that can't do both at once: look first.
  struct stat info;
  if (fstatat(folder, to.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) return EEXIST;
  return renameat(folder, from.c_str(), folder, to.c_str()) == 0 ? 0 : errno;
}

}  // namespace

DataFiles::DataFiles(std::shared_ptr<const Manifest> manifest, std::string output_folder,
                     std::string temporary_name)
    : manifest_(std::move(manifest)),
      output_folder_(std::move(output_folder)),
      temporary_name_(std::move(temporary_name)),
      found_(manifest_->chunk_count()) {}

absl::StatusOr<std::unique_ptr<DataFiles>> DataFiles::Open(std::shared_ptr<const Manifest> manifest,
                                                           const std::string& output_folder,
                                                           const std::string& temporary_name) {
  std::unique_ptr<DataFiles> files(new DataFiles(std::move(manifest), output_folder, temporary_name));
  bool made = false;
  absl::Status status = files->OpenRoot(&made);
  if (status.ok() && made) status = files->CheckSpace(files->manifest_->length_bytes());
  if (status.ok()) status = files->Prepare();
  if (!status.ok()) {
    if (made) (void)Discard(output_folder, temporary_name);
    return status;
  }
  return files;
}

absl::Status DataFiles::Discard(const std::string& output_folder, const std::string& temporary_name) {
  const std::string path = absl::StrCat(output_folder, "/", temporary_name);
  std::error_code error;
  std::filesystem::remove_all(path, error);
  return error ? ErrnoStatus(error.value(), absl::StrCat("cannot remove ", path)) : absl::OkStatus();
}

absl::Status DataFiles::OpenRoot(bool* made) {
  SHOAL_ASSIGN_OR_RETURN(output_, FileDescriptor::Open(output_folder_, O_RDONLY | O_DIRECTORY));
  struct stat info;
  *made = fstatat(output_.get(), temporary_name_.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT;
  if (manifest_->kind() == Manifest::Kind::kFile) return absl::OkStatus();
  if (*made && mkdirat(output_.get(), temporary_name_.c_str(), 0777) != 0) {
    *made = false;
    return ErrnoStatus(errno, absl::StrCat("cannot make the folder ", output_folder_, "/", temporary_name_));
  }
  SHOAL_ASSIGN_OR_RETURN(root_, OpenBelow(output_.get(), output_folder_, temporary_name_,
                                          O_RDONLY | O_DIRECTORY, MissingFolders::kFail));
  return absl::OkStatus();
}

absl::Status DataFiles::Prepare() {
  Sha256 inodes;
  const auto add = [&](uint64_t inode) {
    uint8_t bytes[sizeof(inode)];
    StoreBig(inode, bytes);
    inodes.Update(bytes);
  };
  if (root_.valid()) {
    struct stat info;
    if (fstat(root_.get(), &info) != 0)
      return ErrnoStatus(errno, absl::StrCat("cannot look at ", temporary_name_));
    add(info.st_ino);
  }
  for (uint32_t file = 0; file < manifest_->files().size(); ++file) {
    uint64_t inode = 0;
    SHOAL_RETURN_IF_ERROR(PrepareFile(FileIndex(file), &inode));
    add(inode);
  }
  fingerprint_ = LoadBig<uint64_t>(inodes.Finish().data());
  return absl::OkStatus();
}

absl::Status DataFiles::PrepareFile(FileIndex file, uint64_t* inode) {
  const uint64_t length = manifest_->files()[file.value()].length_bytes;
  SHOAL_ASSIGN_OR_RETURN(FileDescriptor opened, OpenFile(file, O_RDWR | O_CREAT | O_NONBLOCK));
  struct stat info;
  if (fstat(opened.get(), &info) != 0)
    return ErrnoStatus(errno, absl::StrCat("cannot look at ", PathBelowRoot(file)));
  if (!S_ISREG(info.st_mode)) {
    return absl::FailedPreconditionError(absl::StrCat(output_folder_, "/", PathBelowRoot(file),
                                                      " is in the way: it is no regular file; remove it"));
  }
  *inode = info.st_ino;
  if (static_cast<uint64_t>(info.st_size) == length) {
    const auto [first, end] = manifest_->ChunksOf(file);
    SHOAL_RETURN_IF_ERROR(found_.InsertRanges({{first, end.value() - first.value()}}));
  } else if (ftruncate(opened.get(), 0) != 0) {
    return ErrnoStatus(errno, absl::StrCat("cannot write ", PathBelowRoot(file)));
  } else {
    info.st_blocks = 0;
  }
  if (static_cast<uint64_t>(info.st_blocks) * kBlockBytes < length) {
    const int error = Allocate(opened.get(), length);
    if (error == ENOSPC || error == EDQUOT) {
      uint64_t needed = 0;
      for (size_t rest = file.value(); rest < manifest_->files().size(); ++rest) {
        needed += manifest_->files()[rest].length_bytes;
      }
      SHOAL_RETURN_IF_ERROR(CheckSpace(needed));
    }
    if (error != 0) {
      return ErrnoStatus(error,
                         absl::StrCat("cannot make room for ", FormatBytes(length), " in ", output_folder_));
    }
  }
  // The one file of a content stays open, and so can be read while it takes its final name.
  if (!root_.valid()) open_files_.Keep(file, std::move(opened));
  return absl::OkStatus();
}

absl::Status DataFiles::CheckSpace(uint64_t needed_bytes) const {
  struct statvfs info;
  if (fstatvfs(output_.get(), &info) != 0) return absl::OkStatus();  // the allocation itself will tell
  const uint64_t free_bytes = uint64_t{info.f_bavail} * info.f_frsize;
  if (needed_bytes <= free_bytes) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat(
      "the disk of ", output_folder_, " is too full: ", FormatBytes(needed_bytes), " needed, ",
      FormatBytes(free_bytes), " free; make room for another ", FormatBytes(needed_bytes - free_bytes)));
}

std::string DataFiles::PathBelowRoot(FileIndex file) const {
  return root_.valid() ? manifest_->files()[file.value()].path : temporary_name_;
}

absl::StatusOr<FileDescriptor> DataFiles::OpenFile(FileIndex file, int flags) const {
  const bool make = (flags & O_CREAT) != 0;
  if (!root_.valid()) {
    return OpenBelow(output_.get(), output_folder_, temporary_name_, flags, MissingFolders::kFail);
  }
  return OpenBelow(root_.get(), absl::StrCat(output_folder_, "/", temporary_name_), PathBelowRoot(file),
                   flags, make ? MissingFolders::kMake : MissingFolders::kFail);
}

absl::StatusOr<std::shared_ptr<const FileDescriptor>> DataFiles::OpenShared(FileIndex file) const {
  if (std::shared_ptr<const FileDescriptor> open = open_files_.Find(file)) return open;
  SHOAL_ASSIGN_OR_RETURN(FileDescriptor opened, OpenFile(file, O_RDWR | O_NONBLOCK));
  return open_files_.Keep(file, std::move(opened));
}

absl::Status DataFiles::Write(ChunkIndex index, ByteView bytes) {
  const ChunkPlace place = manifest_->PlaceOf(index);
  SHOAL_ASSIGN_OR_RETURN(const std::shared_ptr<const FileDescriptor> file, OpenShared(place.file));
  return WriteAt(file->get(), bytes, place.offset_bytes);
}

absl::StatusOr<FileRegion> DataFiles::Region(ChunkIndex index) const {
  const ChunkPlace place = manifest_->PlaceOf(index);
  SHOAL_ASSIGN_OR_RETURN(std::shared_ptr<const FileDescriptor> file, OpenShared(place.file));
  return FileRegion{std::move(file), place.offset_bytes, place.length_bytes};
}

absl::StatusOr<std::vector<FileStamp>> DataFiles::Seal() {
  std::vector<FileStamp> stamps;
  stamps.reserve(manifest_->files().size());
  for (uint32_t i = 0; i < manifest_->files().size(); ++i) {
    SHOAL_ASSIGN_OR_RETURN(const FileDescriptor file, OpenFile(FileIndex(i), O_RDWR | O_NONBLOCK));
    struct stat info;
    if (fstat(file.get(), &info) != 0) return ErrnoStatus(errno, "cannot look at a downloaded file");
    if (manifest_->files()[i].executable) {
      // Whoever may read it may run it.
      const mode_t mode = (info.st_mode & 07777) | ((info.st_mode & 0444) >> 2);
      if (fchmod(file.get(), mode) != 0)
        return ErrnoStatus(errno, "cannot make a downloaded file executable");
    }
    if (!root_.valid() && fdatasync(file.get()) != 0)
      return ErrnoStatus(errno, "cannot bring the download to the disk");
    stamps.push_back(FileStamp::From(info));
  }
  // A folder at one go: a sync per file takes minutes where there are many.
  if (root_.valid() && syncfs(root_.get()) != 0)
    return ErrnoStatus(errno, "cannot bring the download to the disk");
  return stamps;
}

absl::Status DataFiles::MoveTo(const std::string& name) {
  const int error = RenameToFree(output_.get(), temporary_name_, name);
  if (error == EEXIST || error == ENOTEMPTY) {
    return absl::AlreadyExistsError(absl::StrCat(
        output_folder_, "/", name, " has come into being meanwhile; the download is whole and lies in ",
        output_folder_, "/", temporary_name_));
  }
  if (error != 0)
    return ErrnoStatus(error, absl::StrCat("cannot rename the download to ", output_folder_, "/", name));
  // Some network file systems can't sync a folder, and say EINVAL.
  if (fsync(output_.get()) != 0 && errno != EINVAL) {
    return ErrnoStatus(errno, absl::StrCat("cannot sync ", output_folder_));
  }
  return absl::OkStatus();
}

}  // namespace shoal
