#pragma once

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "shoal/base/file_descriptor.h"
#include "shoal/content/manifest/chunk_set.h"
#include "shoal/content/manifest/ids.h"
#include "shoal/content/manifest/manifest.h"

namespace shoal {

// A content that this process can serve, all of it (a seeder's folder) or some of it (a download under way).
// What the chunk server asks, and all that it knows of disks. Thread-safe: several event loops ask at once.
class ChunkSource {
 public:
  virtual ~ChunkSource() = default;

  virtual const std::shared_ptr<const Manifest>& manifest() const = 0;

  // The chunks that can be served now. A copy; chunks may be added right after, and all go when the source
  // closes.
  virtual ChunkSet Held() const = 0;
  virtual bool Holds(ChunkIndex index) const = 0;

  // Where chunk `index` (< chunk_count) lies. NOT_FOUND: not held. FAILED_PRECONDITION: the file under it has
  // changed since it was hashed, or is gone; the content should not be offered any more. RESOURCE_EXHAUSTED:
  // out of descriptors, try again later.
  virtual absl::StatusOr<FileRegion> Open(ChunkIndex index) const = 0;
};

// The contents that this process serves, by id. Thread-safe.
class ContentDirectory {
 public:
  virtual ~ContentDirectory() = default;

  // Null when the content is not (or no longer) served here. The source lives as long as the caller holds it.
  virtual std::shared_ptr<const ChunkSource> Find(const ContentId& id) const = 0;
};

}  // namespace shoal
