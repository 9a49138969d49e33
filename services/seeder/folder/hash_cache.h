#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "shoal/base/byte_order.h"
#include "shoal/content/manifest/checksum.h"
#include "shoal/content/manifest/manifest.h"
#include "shoal/content/publish/file_stamp.h"
#include "shoal/content/publish/manifest_builder.h"

namespace shoal::seeder {

// What is kept on the disk about one entry that was hashed: enough to offer it again, as long as its files
// look the same.
//
// The bytes are described in docs/wire_format.md, "Hash cache entry".
struct HashCacheEntry {
  std::string entry;
  Manifest manifest;
  std::vector<FileStamp> stamps;  // one per file of the manifest

  std::string Encode() const;
  // INVALID_ARGUMENT for bytes that are no such entry, also of another version; DATA_LOSS when the checksum
  // is wrong.
  static absl::StatusOr<HashCacheEntry> Decode(ByteView bytes);
};

// More than any entry needs; a longer file is none of ours.
inline constexpr uint64_t kMaxHashCacheEntryBytes = kMaxManifestBytes + 24ull * kMaxFiles + 4096;

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
