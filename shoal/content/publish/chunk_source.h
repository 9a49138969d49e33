#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "shoal/base/file_descriptor.h"
#include "shoal/content/manifest/chunk_set.h"
#include "shoal/content/manifest/ids.h"
#include "shoal/content/manifest/manifest.h"

namespace shoal {

// A content that this process can serve: all of it (a seeder's folder) or some of it (an active download).
// It is the only interface through which a chunk server reads from disk. It does not know peers, limits or
// sockets.
//
// Thread safety: thread-safe; several event loops call it at once.
class ChunkSource {
 public:
  virtual ~ChunkSource() = default;

  virtual const std::shared_ptr<const Manifest>& manifest() const = 0;

  // Returns: a copy of the set of chunks that can be served now. The source may gain chunks after the call,
  // and holds none once it is closed.
  virtual ChunkSet Held() const = 0;
  virtual bool Holds(ChunkIndex index) const = 0;

  // Returns the number of entries that the publisher left out of the content; 0 if unknown, as for a
  // downloaded content.
  virtual size_t left_out_count() const { return 0; }

  // Returns: where chunk `index` is stored. The descriptor stays open as long as the caller holds it.
  //
  // Requires: index < manifest()->chunk_count().
  // Errors: NOT_FOUND: not held. FAILED_PRECONDITION: the file is gone, or has changed since it was hashed;
  // the content should not be offered any more. RESOURCE_EXHAUSTED: out of descriptors, try again later.
  virtual absl::StatusOr<FileRegion> Open(ChunkIndex index) const = 0;
};

// The contents that this process serves, by id. Thread safety: thread-safe.
class ContentDirectory {
 public:
  virtual ~ContentDirectory() = default;

  // Returns: null if the content is not (or no longer) served here. The source lives as long as the caller
  // holds it.
  virtual std::shared_ptr<const ChunkSource> Find(const ContentId& id) const = 0;
};

}  // namespace shoal
