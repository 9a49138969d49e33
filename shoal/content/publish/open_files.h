#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "shoal/base/file_descriptor.h"
#include "shoal/base/mutex.h"
#include "shoal/content/manifest/ids.h"

namespace shoal {

// An LRU cache of at most `max_open` open files of one content. An evicted descriptor stays open until its
// last holder releases it. The cache does not open files itself, so that no thread waits for another's disk
// access. Thread-safe.
class OpenFiles {
 public:
  static constexpr size_t kDefaultMaxOpen = 64;

  explicit OpenFiles(size_t max_open = kDefaultMaxOpen) : max_open_(max_open) { entries_.reserve(max_open); }

  // Null when the file is not open here.
  std::shared_ptr<const FileDescriptor> Find(FileIndex file);
  // Keeps `opened`, or drops it for the one that another thread brought in meanwhile; returns the one that is
  // kept.
  std::shared_ptr<const FileDescriptor> Keep(FileIndex file, FileDescriptor opened);
  void Drop(FileIndex file);

 private:
  struct Entry {
    FileIndex file;
    uint64_t last_use = 0;
    std::shared_ptr<const FileDescriptor> descriptor;
  };

  const size_t max_open_;
  Mutex mutex_;
  uint64_t uses_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<Entry> entries_ ABSL_GUARDED_BY(mutex_);  // few enough to be searched from end to end
};

}  // namespace shoal
