#include "clients/leecher/session/served_contents.h"

#include <algorithm>
#include <utility>

namespace shoal::leecher {

// All sources of one content. A connection that found it keeps it, and is served from the sources that there
// are at the time of each request.
class ServedContents::Content final : public ChunkSource {
 public:
  explicit Content(std::shared_ptr<const Manifest> manifest) : manifest_(std::move(manifest)) {}

  void Add(std::shared_ptr<const ChunkSource> source) {
    MutexLock lock(&mutex_);
    Pointers sources = *sources_;
    if (std::find(sources.begin(), sources.end(), source) != sources.end()) return;
    sources.push_back(std::move(source));
    sources_ = std::make_shared<const Pointers>(std::move(sources));
  }
  // Returns true if no source is left.
  bool Remove(const std::shared_ptr<const ChunkSource>& source) {
    MutexLock lock(&mutex_);
    Pointers sources = *sources_;
    std::erase(sources, source);
    sources_ = std::make_shared<const Pointers>(std::move(sources));
    return sources_->empty();
  }

  const std::shared_ptr<const Manifest>& manifest() const override { return manifest_; }
  ChunkSet Held() const override {
    ChunkSet held(manifest_->chunk_count());
    const auto sources = Sources();
    for (const auto& source : *sources) held.Add(source->Held());
    return held;
  }
  bool Holds(ChunkIndex index) const override {
    const auto sources = Sources();
    return std::any_of(sources->begin(), sources->end(),
                       [&](const auto& source) { return source->Holds(index); });
  }
  absl::StatusOr<FileRegion> Open(ChunkIndex index) const override {
    absl::StatusOr<FileRegion> opened = absl::NotFoundError("this chunk is not held");
    const auto sources = Sources();
    for (const auto& source : *sources) {
      if (!source->Holds(index)) continue;
      opened = source->Open(index);
      if (opened.ok()) break;
    }
    return opened;
  }

 private:
  using Pointers = std::vector<std::shared_ptr<const ChunkSource>>;

  // Used without the lock, because sources read the disk.
  std::shared_ptr<const Pointers> Sources() const {
    MutexLock lock(&mutex_);
    return sources_;
  }

  const std::shared_ptr<const Manifest> manifest_;
  mutable Mutex mutex_;
  // Replaced as a whole, so that a request for a chunk copies a pointer only.
  std::shared_ptr<const Pointers> sources_ ABSL_GUARDED_BY(mutex_) = std::make_shared<const Pointers>();
};

std::shared_ptr<const ChunkSource> ServedContents::Add(std::shared_ptr<const ChunkSource> source) {
  MutexLock lock(&mutex_);
  std::shared_ptr<Content>& content = contents_[source->manifest()->id()];
  if (content == nullptr) content = std::make_shared<Content>(source->manifest());
  content->Add(std::move(source));
  return content;
}

bool ServedContents::Remove(const std::shared_ptr<const ChunkSource>& source) {
  MutexLock lock(&mutex_);
  const auto found = contents_.find(source->manifest()->id());
  if (found == contents_.end() || !found->second->Remove(source)) return false;
  contents_.erase(found);
  return true;
}

size_t ServedContents::size() const {
  MutexLock lock(&mutex_);
  return contents_.size();
}

std::shared_ptr<const ChunkSource> ServedContents::Find(const ContentId& id) const {
  MutexLock lock(&mutex_);
  const auto found = contents_.find(id);
  return found == contents_.end() ? nullptr : found->second;
}

}  // namespace shoal::leecher
