#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "shoal/content/manifest/manifest.h"

namespace shoal::seeder {

class OfferedSource;

// Told what happens to the entries of the shared folder. All calls but OnHashing come from one thread (the
// shared folder's), in order; none may block for long. An entry is a name directly in the shared folder.
class CatalogListener {
 public:
  virtual ~CatalogListener() = default;

  // `from_cache`: it had been hashed in an earlier run.
  virtual void OnPublished(const std::shared_ptr<const OfferedSource>& source, bool from_cache) = 0;
  // No longer offered: it changed, or is gone. A new version comes with an OnPublished of its own.
  virtual void OnWithdrawn(const std::shared_ptr<const Manifest>& manifest, const std::string& why) = 0;
  // From a hashing thread, a few times a second at most.
  virtual void OnHashing(const std::string& entry, uint64_t done_bytes, uint64_t total_bytes) = 0;
  // An entry that can't be offered (`entry` empty: the folder as a whole, or the cache). Told once per entry
  // and cause.
  virtual void OnProblem(const std::string& entry, const absl::Status& why) = 0;
  // Everything that lay in the folder at the start is published, or known to be a problem. Once.
  virtual void OnFirstScanDone(size_t contents) = 0;
};

}  // namespace shoal::seeder
