#pragma once

#include <memory>

#include "absl/container/flat_hash_map.h"
#include "shoal/base/mutex.h"
#include "shoal/content/publish/chunk_source.h"

namespace shoal::leecher {

// The contents that this process serves, whole or in the making. Thread-safe.
class ServedContents final : public ContentDirectory {
 public:
  void Add(std::shared_ptr<const ChunkSource> source);
  // False when it was not there.
  bool Remove(const ContentId& id);
  size_t size() const;

  std::shared_ptr<const ChunkSource> Find(const ContentId& id) const override;

 private:
  mutable Mutex mutex_;
  absl::flat_hash_map<ContentId, std::shared_ptr<const ChunkSource>> sources_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace shoal::leecher
