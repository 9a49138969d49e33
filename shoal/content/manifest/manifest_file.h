#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "shoal/base/byte_order.h"
#include "shoal/content/manifest/manifest.h"
#include "shoal/content/manifest/publisher_signature.h"

namespace shoal {

// The contents of a NAME.shoal file: a manifest, and the trackers to ask for its peers. The byte layout is in
// docs/wire_format.md, "Manifest file". The trackers are not part of the content id: the same content can be
// registered with others. A file may carry its publisher's signature as well.
//
// Not responsible for finding the file, choosing its name, or contacting a tracker.
//
// Thread safety: a value; one thread at a time, or immutable.
struct ManifestFile {
  Manifest manifest;
  std::vector<std::string> trackers;  // URLs as --tracker takes them; at most 64 of at most 1,024 bytes
  std::optional<PublisherSignature> signature = {};

  std::string Encode() const;
  // Bounds every length before it allocates memory.
  // Errors: INVALID_ARGUMENT if `bytes` is not such a file; DATA_LOSS if its checksum is wrong;
  // PERMISSION_DENIED (kUntrusted) if its signature is not of its manifest.
  static absl::StatusOr<ManifestFile> Decode(ByteView bytes);

  // Reads and decodes the file at `path`.
  // Errors: as FileDescriptor::Open and Decode, with the path in the message.
  static absl::StatusOr<ManifestFile> Read(const std::string& path);
  // Writes the file through a temporary name beside it and renames it, so that a reader sees the whole file
  // or the one before.
  // Errors: INVALID_ARGUMENT for a tracker that is not a URL; from errno, with the path in the message.
  absl::Status Write(const std::string& path) const;
};

}  // namespace shoal
