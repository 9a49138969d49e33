#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace shoal {

// Identifies the version of a file that was hashed, so that a later change is noticed.
struct FileStamp {
  uint64_t length_bytes = 0;
  int64_t modified_ns = 0;  // since the epoch
  uint64_t inode = 0;

  // Of the file at `path`, symbolic links followed. NOT_FOUND, PERMISSION_DENIED as FileDescriptor::Open;
  // FAILED_PRECONDITION when it is no regular file.
  static absl::StatusOr<FileStamp> Of(const std::string& path);
  static FileStamp From(const struct stat& info);
  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};

}  // namespace shoal
