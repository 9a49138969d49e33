#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/seeder/catalog.h"
#include "services/seeder/folder/hash_cache.h"
#include "shoal/base/clock.h"
#include "shoal/content/publish/folder_listing.h"

namespace shoal::seeder {

// Keeps a catalog in step with the shared folder: publishes existing and new entries; withdraws changed and
// removed ones.
//
// A published entry is withdrawn as soon as one of its files is replaced, modified or gone; an entry that
// only gained files, or whose files may be the same still, stays until its new version is hashed. Events of
// the kernel (inotify) say what to examine. They are an acceleration only: everything is examined at
// intervals as well, and when the path of the folder leads to another folder.
//
// Thread safety: construct and destroy it on one thread. It runs threads of its own: one owns the catalog and
// receives changes, the others hash.
class SharedFolder {
 public:
  struct Options {
    std::string path;
    absl::Duration settle = absl::Seconds(2);
    // How long a folder waits for a file in it that does not settle. Then it is published without that file.
    absl::Duration patience = absl::Seconds(30);
    // The interval of the scans. Each costs a stat per file; the interval is longer where that takes long.
    absl::Duration rescan = absl::Seconds(60);
    // The interval where the kernel does not report all changes, unless `rescan` is shorter.
    absl::Duration unwatched_rescan = absl::Seconds(10);
    // How often the path is checked to lead to the watched folder; costs a stat.
    absl::Duration path_check = absl::Seconds(1);
    LinkPolicy links = LinkPolicy::kKeepInside;
    std::shared_ptr<const HashCache> cache;  // null: none
    const Clock* clock = &Clock::Real();
  };

  // The folder's thread owns `catalog` from now on.
  // Requires: `listener`, which is the catalog's own as well, outlives this.
  // Errors: NOT_FOUND, PERMISSION_DENIED, FAILED_PRECONDITION (not a folder): `path` can't be shared.
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
