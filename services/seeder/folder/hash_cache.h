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

// Remembers across restarts what was hashed, so that only what has changed is hashed again: one file per
// entry of the shared folder, in a folder of its own per shared folder, so that several seeders may keep
// theirs in one place. What is broken, or of another version, counts as not there. Thread-safe, as it holds
// no state but the paths.
class HashCache {
 public:
  // Makes `state_folder` with its parents where it is missing. Errors when it can't be written:
  // PERMISSION_DENIED or what errno says; the caller then does without.
  static absl::StatusOr<std::unique_ptr<const HashCache>> Open(const std::string& state_folder,
                                                               const std::string& shared_folder);

  // What was stored for `entry`, when its files looked as they do now: `fingerprint` is EntryScan's.
  std::optional<BuiltManifest> Find(const std::string& entry, const Sha256Digest& fingerprint) const;
  // Replaces what was stored for `entry`; a crash leaves the old or the new one.
  absl::Status Store(const std::string& entry, const BuiltManifest& built) const;
  void Remove(const std::string& entry) const;
  // Removes what is stored for all others.
  void KeepOnly(const std::vector<std::string>& entries) const;

 private:
  HashCache(std::string folder, std::string shared_folder)
      : folder_(std::move(folder)), shared_folder_(std::move(shared_folder)) {}
  std::string PathOf(const std::string& entry) const;

  const std::string folder_;
  const std::string shared_folder_;
};

}  // namespace shoal::seeder
