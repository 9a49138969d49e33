#include "shoal/content/publish/open_folders.h"

#include <algorithm>
#include <utility>

namespace shoal {

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
