#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "shoal/base/mutex.h"
#include "shoal/content/manifest/manifest.h"

namespace shoal::stream {

// The canonical bytes of the manifests that are being handed out, encoded once for all the peers that ask at
// the same time and gone when the last of them is served: what hundreds of sessions about one content hold is
// one string. The length is remembered as long as the manifest lives, for the hellos. Thread-safe.
class CanonicalManifests {
 public:
  // One for the process, since sessions of many servers and downloads share manifests.
  static CanonicalManifests& Shared();

  std::shared_ptr<const std::string> BytesOf(const std::shared_ptr<const Manifest>& manifest);
  uint32_t LengthOf(const std::shared_ptr<const Manifest>& manifest);

 private:
  struct Entry {
    std::weak_ptr<const Manifest> manifest;
    std::weak_ptr<const std::string> bytes;
    uint32_t length_bytes = 0;
  };

  void Forget() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Mutex mutex_;
  absl::flat_hash_map<const Manifest*, Entry> entries_ ABSL_GUARDED_BY(mutex_);
  size_t forget_at_ ABSL_GUARDED_BY(mutex_) = 64;
};

}  // namespace shoal::stream
