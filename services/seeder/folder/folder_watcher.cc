#include "services/seeder/folder/folder_watcher.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/seeder/folder/entry_scan.h"
#include "shoal/base/status_macros.h"

namespace shoal::seeder {
namespace {

constexpr uint32_t kFolderMask = IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB | IN_MOVED_FROM |
                                 IN_MOVED_TO | IN_DELETE | IN_ONLYDIR | IN_EXCL_UNLINK;
constexpr uint32_t kRootMask = kFolderMask | IN_DELETE_SELF | IN_MOVE_SELF;
constexpr size_t kBufferBytes = 64 * 1024;

struct DirCloser {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

// "a", "b/c" -> "a/b/c"; the root is "".
std::string Join(const std::string& folder, const char* name) {
  return folder.empty() ? std::string(name) : absl::StrCat(folder, "/", name);
}

bool IsFolder(int folder_fd, const dirent& item) {
  if (item.d_type != DT_UNKNOWN) return item.d_type == DT_DIR;
  struct stat info{};
  return ::fstatat(folder_fd, item.d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(info.st_mode);
}

FolderWatcher::Event EventOf(uint32_t mask, FolderWatcher::Event before) {
  using Event = FolderWatcher::Event;
  if (mask & IN_MOVED_TO) return Event::kMovedIn;
  if (mask & IN_CLOSE_WRITE) return Event::kClosed;
  if (mask & IN_MODIFY || (mask & IN_CREATE && !(mask & IN_ISDIR))) return Event::kWritten;
  // The mode of a file says nothing about its writers.
  return mask & IN_ATTRIB ? before : Event::kOther;
}

}  // namespace

absl::StatusOr<std::unique_ptr<FolderWatcher>> FolderWatcher::Create(const std::string& root) {
  FileDescriptor inotify(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!inotify.valid()) {
    return absl::ResourceExhaustedError(absl::StrCat("cannot watch ", root, ": ",
                                                     ErrnoStatus(errno, "inotify").message(),
                                                     " (see fs.inotify.max_user_instances)"));
  }
  SHOAL_ASSIGN_OR_RETURN(const Identity identity, IdentityOf(root));
  const int watch = ::inotify_add_watch(inotify.get(), root.c_str(), kRootMask);
  if (watch < 0 && errno == ENOSPC) {
    return absl::ResourceExhaustedError(
        absl::StrCat("cannot watch ", root, ": no watch is left (see fs.inotify.max_user_watches)"));
  }
  if (watch < 0) return ErrnoStatus(errno, absl::StrCat("cannot watch ", root));
  auto watcher = std::unique_ptr<FolderWatcher>(new FolderWatcher(std::move(inotify), root, identity));
  watcher->folder_of_[watch] = "";
  watcher->watch_of_[""] = watch;
  return watcher;
}

absl::StatusOr<FolderWatcher::Identity> FolderWatcher::IdentityOf(const std::string& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return ErrnoStatus(errno, absl::StrCat("cannot look at ", path));
  return Identity(info.st_dev, info.st_ino);
}

bool FolderWatcher::PathIsWatched() const {
  const absl::StatusOr<Identity> now = IdentityOf(root_);
  return now.ok() && *now == identity_;
}

void FolderWatcher::WatchEntry(const std::string& entry) {
  WatchBelow(entry);
}

// Returns: false if it is not a folder (any more) or can't be watched.
bool FolderWatcher::Watch(const std::string& folder) {
  const int watch = ::inotify_add_watch(inotify_.get(), absl::StrCat(root_, "/", folder).c_str(),
                                        kFolderMask | IN_DONT_FOLLOW);
  if (watch < 0) {
    if (errno != ENOTDIR && errno != ENOENT && errno != ELOOP) complete_ = false;
    return false;
  }
  folder_of_[watch] = folder;
  watch_of_[folder] = watch;
  return true;
}

void FolderWatcher::WatchBelow(const std::string& top) {
  std::vector<std::string> folders = {top};
  while (!folders.empty()) {
    const std::string folder = std::move(folders.back());
    folders.pop_back();
    // Watched before it is listed, so that a folder that is created meanwhile is not missed.
    if (!Watch(folder)) continue;
    const std::unique_ptr<DIR, DirCloser> listing(::opendir(absl::StrCat(root_, "/", folder).c_str()));
    if (listing == nullptr) continue;
    while (const dirent* item = ::readdir(listing.get())) {
      const absl::string_view name = item->d_name;
      if (name != "." && name != ".." && IsFolder(::dirfd(listing.get()), *item)) {
        folders.push_back(Join(folder, item->d_name));
      }
    }
  }
}

void FolderWatcher::UnwatchBelow(const std::string& top) {
  const std::string below = absl::StrCat(top, "/");
  // In byte order names such as "a-b" lie between "a" and "a/b".
  const auto drop = [this](std::map<std::string, int>::iterator item) {
    ::inotify_rm_watch(inotify_.get(), item->second);
    folder_of_.erase(item->second);
    return watch_of_.erase(item);
  };
  if (const auto itself = watch_of_.find(top); itself != watch_of_.end()) drop(itself);
  for (auto item = watch_of_.lower_bound(below);
       item != watch_of_.end() && absl::StartsWith(item->first, below);) {
    item = drop(item);
  }
}

FolderWatcher::Changes FolderWatcher::Read() {
  Changes changes;
  alignas(inotify_event) char buffer[kBufferBytes];
  for (;;) {
    const ssize_t length = ::read(inotify_.get(), buffer, sizeof(buffer));
    if (length < 0 && errno == EINTR) continue;
    if (length <= 0) return changes;
    for (const char* at = buffer; at < buffer + length;) {
      const auto* event = reinterpret_cast<const inotify_event*>(at);
      at += sizeof(inotify_event) + event->len;
      if (event->mask & IN_Q_OVERFLOW) {
        changes.missed = true;
        continue;
      }
      const auto found = folder_of_.find(event->wd);
      if (found == folder_of_.end()) continue;  // of a watch that was removed
      const std::string folder = found->second;
      if (event->mask & (IN_IGNORED | IN_UNMOUNT)) {
        if (folder.empty()) changes.folder_gone = true;
        if (const auto watch = watch_of_.find(folder);
            watch != watch_of_.end() && watch->second == event->wd) {
          watch_of_.erase(watch);
        }
        folder_of_.erase(event->wd);
        continue;
      }
      if (event->mask & (IN_DELETE_SELF | IN_MOVE_SELF) && folder.empty()) {
        changes.folder_gone = true;
        continue;
      }
      const char* name = event->len > 0 ? event->name : "";
      if (folder.empty() && *name != '\0' && !IsOfferedName(name)) continue;
      const std::string below = *name == '\0' ? folder : Join(folder, name);
      if (below.empty()) continue;  // the mode or owner of the shared folder itself
      if (event->mask & IN_ISDIR) {
        if (event->mask & IN_MOVED_FROM) UnwatchBelow(below);
        if (event->mask & (IN_CREATE | IN_MOVED_TO)) WatchBelow(below);
      }
      const size_t slash = below.find('/');
      Event& last =
          changes
              .changed[{below.substr(0, slash), slash == std::string::npos ? "" : below.substr(slash + 1)}];
      last = EventOf(event->mask, last);
    }
  }
}

}  // namespace shoal::seeder
