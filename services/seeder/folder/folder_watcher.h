#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "shoal/base/file_descriptor.h"

namespace shoal::seeder {

// Hears from the kernel (inotify) what changes in the shared folder and below its sub-folders. It says where
// to look, not what is there. Hidden names and those that are not offered are passed over. One thread.
class FolderWatcher {
 public:
  // A change of an entry: `path` is what changed below it, empty for the entry itself.
  using Change = std::pair<std::string, std::string>;
  struct Changes {
    std::set<Change> changed;
    bool missed = false;       // some got lost: everything has to be looked at
    bool folder_gone = false;  // the shared folder itself was removed or moved: nothing more will be heard
  };

  // Watches the folder at `root`, not yet its sub-folders. NOT_FOUND, PERMISSION_DENIED; RESOURCE_EXHAUSTED
  // when the system has no inotify instance or watch left.
  static absl::StatusOr<std::unique_ptr<FolderWatcher>> Create(const std::string& root);

  // Watches the entry's folder and all below it, when it is a folder; again after changes were missed.
  // Folders that appear below a watched one later are taken in by Read.
  void WatchEntry(const std::string& entry);

  // Whether every folder is watched. Not so when the system's limit of watches was hit (or one could not be
  // listed): then some changes are never told here, and one has to look for oneself from time to time.
  bool complete() const { return complete_; }

  // Readable when Read has something to tell.
  int fd() const { return inotify_.get(); }
  // What changed since the last call. Does not block.
  Changes Read();

 private:
  FolderWatcher(FileDescriptor inotify, std::string root)
      : inotify_(std::move(inotify)), root_(std::move(root)) {}

  bool Watch(const std::string& folder);
  void WatchBelow(const std::string& folder);
  void UnwatchBelow(const std::string& folder);

  const FileDescriptor inotify_;
  const std::string root_;
  bool complete_ = true;
  // Both ways between watches and folders, relative to the root ("" is the root itself).
  absl::flat_hash_map<int, std::string> folder_of_;
  std::map<std::string, int> watch_of_;
};

}  // namespace shoal::seeder
