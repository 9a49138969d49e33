#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "shoal/base/mutex.h"
#include "shoal/content/publish/chunk_source.h"

namespace shoal::leecher {

// The contents that this process serves, whole or while they are downloaded.
//
// A content may have several sources, such as two downloads of it into two folders. It is served until its
// last source is removed. A chunk is held while one of the sources holds it.
//
// Thread safety: all methods are thread-safe.
class ServedContents final : public ContentDirectory {
 public:
  // Adds a source of its manifest's content; no effect when it was added before. Returns what stands for all
  // sources of that content, now and later: the same object for each of them.
  std::shared_ptr<const ChunkSource> Add(std::shared_ptr<const ChunkSource> source);
  // Removes a source that was added. Returns true if it was the last one of its content, which is no longer
  // served.
  bool Remove(const std::shared_ptr<const ChunkSource>& source);
  size_t size() const;

  std::shared_ptr<const ChunkSource> Find(const ContentId& id) const override;

 private:
  class Content;

  mutable Mutex mutex_;
  absl::flat_hash_map<ContentId, std::shared_ptr<Content>> contents_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace shoal::leecher
