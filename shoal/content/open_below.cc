#include "shoal/content/open_below.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"

namespace shoal {
namespace {

int OpenAt(int folder, const std::string& part, int flags, unsigned mode) {
  for (;;) {
    const int fd = openat(folder, part.c_str(), flags | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd >= 0 || errno != EINTR) return fd;
  }
}

}  // namespace

absl::StatusOr<FileDescriptor> OpenBelow(int root, const std::string& shown_root, const std::string& path,
                                         int flags, MissingFolders missing, unsigned mode) {
  constexpr int kFolderFlags = O_PATH | O_DIRECTORY;
  FileDescriptor folder;  // the one that we are in; none while that is the root
  size_t begin = 0;
  for (size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', begin)) {
    const std::string part = path.substr(begin, slash - begin);
    const int here = folder.valid() ? folder.get() : root;
    int next = OpenAt(here, part, kFolderFlags, 0);
    if (next < 0 && errno == ENOENT && missing == MissingFolders::kMake) {
      if (mkdirat(here, part.c_str(), 0777) == 0 || errno == EEXIST)
        next = OpenAt(here, part, kFolderFlags, 0);
    }
    if (next < 0) {
      return ErrnoStatus(errno,
                         absl::StrCat("cannot open the folder ", shown_root, "/", path.substr(0, slash)));
    }
    folder = FileDescriptor(next);
    begin = slash + 1;
  }
  const int fd = OpenAt(folder.valid() ? folder.get() : root, path.substr(begin), flags, mode);
  if (fd < 0) return ErrnoStatus(errno, absl::StrCat("cannot open ", shown_root, "/", path));
  return FileDescriptor(fd);
}

}  // namespace shoal
