#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "shoal/base/byte_order.h"
#include "shoal/base/file_stamp.h"
#include "shoal/content/manifest/manifest.h"

namespace shoal {

// The stored record of a content on this machine whose bytes were hashed: enough to serve it again while its
// files are unchanged. docs/wire_format.md, "Hash cache entry", defines the bytes. A value.
struct HashedContent {
  std::string entry;  // the owner's name for the record; a seeder stores the entry of its shared folder
  Manifest manifest;
  std::vector<FileStamp> stamps;  // one per file of the manifest

  std::string Encode() const;
  // Errors: INVALID_ARGUMENT if `bytes` is not such a record or has another version; DATA_LOSS if the
  // checksum is wrong.
  static absl::StatusOr<HashedContent> Decode(ByteView bytes);
};

// The upper bound of an encoded record; a longer file is none.
inline constexpr uint64_t kMaxHashedContentBytes = kMaxManifestBytes + 32ull * kMaxFiles + 4096;

}  // namespace shoal
