#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "shoal/base/file_descriptor.h"

namespace shoal::seeder {

// Receives from the kernel (inotify) what changes in the shared folder and below its sub-folders. Hidden
// names and names that are not offered are skipped.
//
// Not responsible for: what the change is. A change names a path to examine.
// Thread safety: one thread.
class FolderWatcher {
 public:
  // A place in the shared folder: an entry, and a path below it, empty for the entry itself.
  using Place = std::pair<std::string, std::string>;
  // What happened at a place last.
  enum class Event {
    kOther,
    kWritten,  // created or written to, and not closed since by a writer
    kClosed,   // closed by a writer
    kMovedIn,  // renamed to this place, and not written to since
  };
  struct Changes {
    std::map<Place, Event> changed;
    bool missed = false;       // the kernel dropped changes: every entry must be examined
    bool folder_gone = false;  // the shared folder was removed or moved: no further change will be reported
  };

  // Watches the folder at `root`, not yet its sub-folders.
  // Errors: NOT_FOUND, PERMISSION_DENIED; RESOURCE_EXHAUSTED if the system has no inotify instance or watch
  // left; else as errno.
  static absl::StatusOr<std::unique_ptr<FolderWatcher>> Create(const std::string& root);

  // Watches the entry and all folders below it, if it is a folder. Call it again after changes were missed.
  // Read adds folders that appear below a watched one later.
  void WatchEntry(const std::string& entry);

  // Returns: whether every folder is watched. If not (the system's limit of watches was reached, or a folder
  // can't be listed), some changes are never reported, and the owner must rescan at intervals.
  bool complete() const { return complete_; }
  // Forgets what could not be watched, before another attempt with WatchEntry.
  void TryAgain() { complete_ = true; }

  // Returns: whether the path of the shared folder leads to the watched folder still. It does not after a
  // mount over it, or after a symbolic link on the way to it was changed: no event reports those.
  bool PathIsWatched() const;

  // Returns: a descriptor that is readable when Read has changes.
  int fd() const { return inotify_.get(); }
  // Returns: the changes since the last call, without waiting for any.
  Changes Read();

 private:
  using Identity = std::pair<uint64_t, uint64_t>;  // device and inode

  FolderWatcher(FileDescriptor inotify, std::string root, Identity identity)
      : inotify_(std::move(inotify)), root_(std::move(root)), identity_(identity) {}

  static absl::StatusOr<Identity> IdentityOf(const std::string& path);

  bool Watch(const std::string& folder);
  void WatchBelow(const std::string& folder);
  void UnwatchBelow(const std::string& folder);

  const FileDescriptor inotify_;
  const std::string root_;
  const Identity identity_;  // of the watched folder; a descriptor of it would keep its file system mounted
  bool complete_ = true;
  // Watch to folder and folder to watch. Folders are relative to the root ("" is the root itself).
  absl::flat_hash_map<int, std::string> folder_of_;
  std::map<std::string, int> watch_of_;
};

}  // namespace shoal::seeder
