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

// An entry is what lies directly in the shared folder: a file or a sub-folder, each of them one content under
// its own name.

// Whether something of that name is offered at all: not what is hidden, not metadata files (*.shoal), and not
// what is still being put together (*.shoal-tmp, *.shoal-progress). Thread-safe.
bool IsOfferedName(absl::string_view name);

// What can be seen of an entry without reading its files.
struct EntryScan {
  uint64_t file_count = 0;
  uint64_t length_bytes = 0;
  absl::Time written = absl::InfinitePast();  // the latest modification time of its files
  // A manifest that was built from the entry fits as long as this is that manifest's FingerprintOf.
  Sha256Digest fingerprint{};
};

// Looks at the entry at `path`; costs one stat per file. Thread-safe.
//
// NOT_FOUND: gone. PERMISSION_DENIED: a folder can't be listed. FAILED_PRECONDITION: a link, a socket or a
// device, none of which is offered. ABORTED, INVALID_ARGUMENT: as ListFolder.
absl::StatusOr<EntryScan> ScanEntry(const std::string& path);

// Over the paths, executable bits, lengths, modification times and inodes of a content's files. `stamps` has
// one entry per file.
Sha256Digest FingerprintOf(Manifest::Kind kind, const std::vector<FileEntry>& files,
                           const std::vector<FileStamp>& stamps);

}  // namespace shoal::seeder
