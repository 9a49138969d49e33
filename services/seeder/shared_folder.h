#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/seeder/catalog.h"
#include "services/seeder/folder/hash_cache.h"
#include "shoal/base/clock.h"

namespace shoal::seeder {

// Keeps a catalog as the shared folder is: publishes what lies there, and what appears later; withdraws what
// changed or went. A thread of its own owns the catalog and hears of changes; another one hashes.
//
// A published entry is withdrawn as soon as one of its files is another or gone; one that only gained files
// stays until its new version is hashed. Where the kernel can't tell of all changes (too many folders to
// watch), it looks through the folder at intervals instead.
class SharedFolder {
 public:
  struct Options {
    std::string path;
    absl::Duration settle = absl::Seconds(2);
    // How often to look through the folder while the kernel does not tell of all changes.
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
  // Gives up hashing, ends the threads. What is published stays in the catalog.
  ~SharedFolder();

 private:
  class Impl;
  explicit SharedFolder(std::unique_ptr<Impl> impl);
  const std::unique_ptr<Impl> impl_;
};

}  // namespace shoal::seeder
