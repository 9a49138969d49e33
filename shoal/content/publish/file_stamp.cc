#include "shoal/content/publish/file_stamp.h"

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "shoal/base/file_descriptor.h"

namespace shoal {

FileStamp FileStamp::From(const struct stat& info) {
  return {static_cast<uint64_t>(info.st_size),
          int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec,
          static_cast<uint64_t>(info.st_ino)};
}

absl::StatusOr<FileStamp> FileStamp::Of(const std::string& path) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0) return ErrnoStatus(errno, absl::StrCat("cannot look at ", path));
  if (!S_ISREG(info.st_mode)) return absl::FailedPreconditionError(absl::StrCat(path, " is no regular file"));
  return From(info);
}

}  // namespace shoal
