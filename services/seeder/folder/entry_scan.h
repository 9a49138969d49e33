#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "shoal/content/manifest/checksum.h"
#include "shoal/content/manifest/manifest.h"
#include "shoal/content/publish/file_stamp.h"

namespace shoal::seeder {

// An entry is a file or sub-folder directly in the shared folder; each is one content under its own name.

// Whether an entry of that name is offered. Hidden entries, metadata files (*.shoal) and unfinished downloads
// (*.shoal-tmp, *.shoal-progress) are not. Thread-safe.
bool IsOfferedName(absl::string_view name);

// The metadata of an entry, obtained without reading its files.
struct EntryScan {
  uint64_t file_count = 0;
  uint64_t length_bytes = 0;
  absl::Time written = absl::InfinitePast();  // the latest modification time of its files
  // A manifest built from the entry is current as long as this equals its FingerprintOf.
  Sha256Digest fingerprint{};
};

// Scans the entry at `path`; costs one stat per file. Thread-safe.
//
// Errors: NOT_FOUND: gone. PERMISSION_DENIED: a folder can't be listed. FAILED_PRECONDITION: a link, a socket
// or a device, none of which is offered. ABORTED, INVALID_ARGUMENT: as ListFolder.
absl::StatusOr<EntryScan> ScanEntry(const std::string& path);

// The SHA-256 over the paths, executable bits, lengths, modification times and inodes of a content's files.
// `stamps` has one entry per file.
Sha256Digest FingerprintOf(Manifest::Kind kind, const std::vector<FileEntry>& files,
                           const std::vector<FileStamp>& stamps);

}  // namespace shoal::seeder
