#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "shoal/content/manifest/checksum.h"
#include "shoal/content/publish/manifest_builder.h"

namespace shoal::seeder {

// Keeps hashes across restarts, so that only changed entries are hashed again: one file per entry, in one
// folder per shared folder, so that several seeders can share a state folder. A damaged record, or one of
// another version, counts as missing.
//
// Thread safety: thread-safe; the only state is the paths.
class HashCache {
 public:
  // Creates `state_folder` and its parents if missing.
  // Errors: PERMISSION_DENIED, or from errno, if it can't be written; the caller then works without a cache.
  static absl::StatusOr<std::unique_ptr<const HashCache>> Open(const std::string& state_folder,
                                                               const std::string& shared_folder);

  // Returns: the manifest stored for `entry` if its files are unchanged. `fingerprint` is EntryScan's.
  std::optional<BuiltManifest> Find(const std::string& entry, const Sha256Digest& fingerprint) const;
  // Replaces the record of `entry` atomically: a crash leaves the old or the new one.
  absl::Status Store(const std::string& entry, const BuiltManifest& built) const;
  void Remove(const std::string& entry) const;
  // Removes the records of all other entries.
  void KeepOnly(const std::vector<std::string>& entries) const;

 private:
  HashCache(std::string folder, std::string shared_folder)
      : folder_(std::move(folder)), shared_folder_(std::move(shared_folder)) {}
  std::string PathOf(const std::string& entry) const;

  const std::string folder_;
  const std::string shared_folder_;
};

}  // namespace shoal::seeder
