#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "shoal/base/file_descriptor.h"
#include "shoal/base/mutex.h"
#include "shoal/content/manifest/ids.h"

namespace shoal {

// An LRU cache of at most `max_open` open files of one content. An evicted descriptor stays open until its
// last holder releases it. The cache does not open files itself, so that no thread waits for the disk access
// of another.
//
// Thread safety: thread-safe.
class OpenFiles {
 public:
  static constexpr size_t kDefaultMaxOpen = 64;

  explicit OpenFiles(size_t max_open = kDefaultMaxOpen) : max_open_(max_open) { entries_.reserve(max_open); }

  // Returns: the descriptor of `file`, or null if the cache has none.
  std::shared_ptr<const FileDescriptor> Find(FileIndex file) {
    MutexLock lock(&mutex_);
    for (Entry& entry : entries_) {
      if (entry.file != file) continue;
      entry.last_use = ++uses_;
      return entry.descriptor;
    }
    return nullptr;
  }

  // Adds `opened` and evicts the least recently used file if the cache is full.
  // Returns: `opened`, or the descriptor that another thread added meanwhile.
  std::shared_ptr<const FileDescriptor> Keep(FileIndex file, FileDescriptor opened) {
    auto fresh = std::make_shared<const FileDescriptor>(std::move(opened));
    std::shared_ptr<const FileDescriptor> evicted;  // closed after the lock is released
    MutexLock lock(&mutex_);
    for (Entry& entry : entries_) {
      if (entry.file == file) return entry.descriptor;
    }
    if (entries_.size() < max_open_) {
      entries_.push_back({file, ++uses_, fresh});
      return fresh;
    }
    const auto oldest =
        std::min_element(entries_.begin(), entries_.end(),
                         [](const Entry& a, const Entry& b) { return a.last_use < b.last_use; });
    evicted = std::exchange(oldest->descriptor, fresh);
    oldest->file = file;
    oldest->last_use = ++uses_;
    return fresh;
  }

  // Evicts `file` if the cache has it.
  void Drop(FileIndex file) {
    MutexLock lock(&mutex_);
    std::erase_if(entries_, [&](const Entry& entry) { return entry.file == file; });
  }

 private:
  struct Entry {
    FileIndex file;
    uint64_t last_use = 0;
    std::shared_ptr<const FileDescriptor> descriptor;
  };

  const size_t max_open_;
  Mutex mutex_;
  uint64_t uses_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<Entry> entries_ ABSL_GUARDED_BY(mutex_);  // few enough for a linear search
};

}  // namespace shoal
