#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "shoal/base/byte_order.h"
#include "shoal/content/manifest/manifest.h"

namespace shoal {

// What a NAME.shoal file holds: a manifest, and the trackers to ask for its peers (URLs as --tracker takes
// them). The trackers are no part of the content id: the same content may be told to others. The byte layout
// is in docs/wire_format.md, "Manifest file".
struct ManifestFile {
  Manifest manifest;
  std::vector<std::string> trackers;

  std::string Encode() const;
  // INVALID_ARGUMENT for anything that is not such a file, DATA_LOSS when its checksum is wrong.
  static absl::StatusOr<ManifestFile> Decode(ByteView bytes);

  // Errors name the path. Write goes through a temporary name and renames, so no half file is ever seen.
  static absl::StatusOr<ManifestFile> Read(const std::string& path);
  absl::Status Write(const std::string& path) const;
};

}  // namespace shoal
