#include "shoal/content/publish/open_below.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "shoal/base/status_macros.h"

namespace shoal {
namespace {

int OpenAt(int folder, const std::string& part, int flags, unsigned mode) {
  for (;;) {
    const int fd = openat(folder, part.c_str(), flags | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd >= 0 || errno != EINTR) return fd;
  }
}

// Opens the whole path in one call, where the kernel (5.6) and a container's seccomp filter allow it.
// Returns: 0, or an errno value.
int OpenAtOnce(int root, const std::string& path, int flags, unsigned mode, FileDescriptor* opened) {
  struct open_how how = {};
  how.flags = static_cast<unsigned>(flags) | O_NOFOLLOW | O_CLOEXEC;
  how.mode = (flags & O_CREAT) != 0 ? mode : 0;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
  for (;;) {
    const long fd = syscall(SYS_openat2, root, path.c_str(), &how, sizeof(how));
    if (fd >= 0) {
      *opened = FileDescriptor(static_cast<int>(fd));
      return 0;
    }
    if (errno != EINTR && errno != EAGAIN) return errno;
  }
}

constexpr int kFolderFlags = O_PATH | O_DIRECTORY;

// Returns: the folder in which the last component of `path` is; not valid if that is the root.
absl::StatusOr<FileDescriptor> WalkTo(int root, const std::string& shown_root, const std::string& path,
                                      MissingFolders missing) {
  FileDescriptor folder;
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
  return folder;
}

}  // namespace

absl::StatusOr<FileDescriptor> OpenBelow(int root, const std::string& shown_root, const std::string& path,
                                         int flags, MissingFolders missing, unsigned mode) {
  FileDescriptor opened;
  // After any failure, the walk either succeeds (a folder was missing, the call is unavailable) or tells
  // which component failed.
  if (OpenAtOnce(root, path, flags, mode, &opened) == 0) return opened;
  SHOAL_ASSIGN_OR_RETURN(const FileDescriptor folder, WalkTo(root, shown_root, path, missing));
  const std::string last = path.substr(path.rfind('/') + 1);
  const int fd = OpenAt(folder.valid() ? folder.get() : root, last, flags, mode);
  if (fd < 0) return ErrnoStatus(errno, absl::StrCat("cannot open ", shown_root, "/", path));
  return FileDescriptor(fd);
}

absl::StatusOr<FileDescriptor> MakeFolderBelow(int root, const std::string& shown_root,
                                               const std::string& path) {
  return WalkTo(root, shown_root, absl::StrCat(path, "/"), MissingFolders::kMake);
}

std::shared_ptr<const FileDescriptor> OpenFolders::Find(absl::string_view folder, const Open& open) {
  MutexLock lock(&mutex_);
  for (Entry& entry : entries_) {
    if (folder != entry.folder) continue;
    entry.last_use = ++uses_;
    if (entry.descriptor == nullptr) {
      absl::StatusOr<FileDescriptor> opened = open();
      if (opened.ok()) entry.descriptor = std::make_shared<const FileDescriptor>(*std::move(opened));
    }
    return entry.descriptor;
  }
  Entry fresh{std::string(folder), ++uses_, nullptr};
  if (entries_.size() < kMaxOpen) {
    entries_.push_back(std::move(fresh));
  } else {
    *std::min_element(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) {
      return a.last_use < b.last_use;
    }) = std::move(fresh);
  }
  return nullptr;
}

void OpenFolders::Drop(absl::string_view folder) {
  MutexLock lock(&mutex_);
  std::erase_if(entries_, [&](const Entry& entry) { return folder == entry.folder; });
}

}  // namespace shoal
