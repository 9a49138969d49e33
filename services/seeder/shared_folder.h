#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/seeder/catalog.h"
#include "services/seeder/folder/hash_cache.h"
#include "shoal/base/clock.h"

namespace shoal::seeder {

// Keeps a catalog in step with the shared folder: publishes existing and new entries; withdraws changed and
// removed ones. One thread owns the catalog and receives changes; another one hashes.
//
// A published entry is withdrawn as soon as one of its files is replaced, modified or gone; an entry that
// only gained files stays until its new version is hashed. Where the kernel can't report all changes (too
// many folders to watch), the folder is rescanned at intervals instead.
class SharedFolder {
 public:
  struct Options {
    std::string path;
    absl::Duration settle = absl::Seconds(2);
    // The rescan interval while the kernel does not report all changes.
    absl::Duration look_interval = absl::Seconds(60);
    std::shared_ptr<const HashCache> cache;  // null: none
    const Clock* clock = &Clock::Real();
  };

  // `catalog` is owned by the folder's thread from now on; `listener` (the catalog's own as well) must
  // outlive this. NOT_FOUND, PERMISSION_DENIED, FAILED_PRECONDITION (no folder): `path` can't be offered at
  // all.
  static absl::StatusOr<std::unique_ptr<SharedFolder>> Start(const Options& options,
                                                             std::shared_ptr<Catalog> catalog,
                                                             CatalogListener* listener);
  // Cancels hashing and joins the threads. Published entries stay in the catalog.
  ~SharedFolder();

 private:
  class Impl;
  explicit SharedFolder(std::unique_ptr<Impl> impl);
  const std::unique_ptr<Impl> impl_;
};

}  // namespace shoal::seeder
