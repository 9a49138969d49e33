#pragma once

#include <sys/stat.h>

#include <cerrno>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "shoal/base/file_descriptor.h"

namespace shoal {

// Identifies the version of a file that was read, so that a later change is detected without reading the
// file. A value. One that is made without arguments is of no file.
struct FileStamp {
  uint64_t length_bytes = 0;
  int64_t modified_ns = 0;  // since the epoch
  uint64_t inode = 0;
  // The change time (ctime), since the epoch. No program can set it back, so it reveals a change in place
  // whose modification time was restored. A chmod, a link and a rename change it as well. 0: not known.
  int64_t changed_ns = 0;

  enum class Comparison {
    kSame,
    kDoubtful,  // only the change time differs: the bytes may be the same
    kOther,
  };
  // Compares with the stamp of the same path at a later time.
  Comparison Compare(const FileStamp& now) const {
    if (length_bytes != now.length_bytes || modified_ns != now.modified_ns || inode != now.inode)
      return Comparison::kOther;
    return changed_ns == 0 || changed_ns == now.changed_ns ? Comparison::kSame : Comparison::kDoubtful;
  }

  static FileStamp From(const struct stat& info) {
    const auto nanoseconds = [](const timespec& time) {
      return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
    };
    return {static_cast<uint64_t>(info.st_size), nanoseconds(info.st_mtim),
            static_cast<uint64_t>(info.st_ino), nanoseconds(info.st_ctim)};
  }

  // Returns: the stamp of the file at `path`. Symbolic links are followed.
  // Errors: NOT_FOUND and PERMISSION_DENIED as FileDescriptor::Open; FAILED_PRECONDITION if it is not a
  // regular file.
  static absl::StatusOr<FileStamp> Of(const std::string& path) {
    struct stat info;
    if (stat(path.c_str(), &info) != 0) return ErrnoStatus(errno, absl::StrCat("cannot look at ", path));
    if (!S_ISREG(info.st_mode)) {
      return absl::FailedPreconditionError(absl::StrCat(path, " is not a regular file"));
    }
    return From(info);
  }

  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};

}  // namespace shoal
