#include "shoal/content/publish/open_files.h"

#include <algorithm>
#include <utility>

namespace shoal {

std::shared_ptr<const FileDescriptor> OpenFiles::Find(FileIndex file) {
  MutexLock lock(&mutex_);
  for (Entry& entry : entries_) {
    if (entry.file != file) continue;
    entry.last_use = ++uses_;
    return entry.descriptor;
  }
  return nullptr;
}

std::shared_ptr<const FileDescriptor> OpenFiles::Keep(FileIndex file, FileDescriptor opened) {
  auto fresh = std::make_shared<const FileDescriptor>(std::move(opened));
  // Closed after the lock is gone.
  std::shared_ptr<const FileDescriptor> evicted;
  MutexLock lock(&mutex_);
  for (Entry& entry : entries_) {
    if (entry.file == file) return entry.descriptor;
  }
  if (entries_.size() < max_open_) {
    entries_.push_back({file, ++uses_, fresh});
    return fresh;
  }
  const auto oldest = std::min_element(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) {
    return a.last_use < b.last_use;
  });
  evicted = std::exchange(oldest->descriptor, fresh);
  oldest->file = file;
  oldest->last_use = ++uses_;
  return fresh;
}

void OpenFiles::Drop(FileIndex file) {
  MutexLock lock(&mutex_);
  std::erase_if(entries_, [&](const Entry& entry) { return entry.file == file; });
}

}  // namespace shoal
