#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "shoal/base/byte_order.h"
#include "shoal/content/manifest/manifest.h"
#include "shoal/content/publish/file_stamp.h"

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

}  // namespace shoal::seeder
