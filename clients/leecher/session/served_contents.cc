#include "clients/leecher/session/served_contents.h"

#include <utility>

namespace shoal::leecher {

void ServedContents::Add(std::shared_ptr<const ChunkSource> source) {
  const ContentId id = source->manifest()->id();
  MutexLock lock(&mutex_);
  sources_[id] = std::move(source);
}

bool ServedContents::Remove(const ContentId& id) {
  MutexLock lock(&mutex_);
  return sources_.erase(id) > 0;
}

size_t ServedContents::size() const {
  MutexLock lock(&mutex_);
  return sources_.size();
}

std::shared_ptr<const ChunkSource> ServedContents::Find(const ContentId& id) const {
  MutexLock lock(&mutex_);
  const auto found = sources_.find(id);
  return found == sources_.end() ? nullptr : found->second;
}

}  // namespace shoal::leecher
