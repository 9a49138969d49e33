#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "shoal/content/manifest/manifest.h"
#include "shoal/content/publish/file_stamp.h"

namespace shoal {

// A manifest together with what its files looked like while they were hashed.
struct BuiltManifest {
  Manifest manifest;
  std::string root;               // as FolderSource takes it
  std::vector<FileStamp> stamps;  // one per file of the manifest
};

struct ManifestBuilderOptions {
  // Unset: ChunkSizeFor the content's length.
  std::optional<uint32_t> chunk_size_bytes;
  // Threads that hash; 0: one per core.
  unsigned threads = 0;
  // Called from one of the hashing threads, never from two at once, a few times a second at most and once at
  // the end: bytes hashed so far, bytes in all.
  std::function<void(uint64_t done_bytes, uint64_t total_bytes)> on_progress;
  // Set to true by any thread to cancel: CANCELLED.
  const std::atomic<bool>* cancelled = nullptr;
};

// Reads the file or folder at `path` and hashes it. The content's name is the last part of `path`. In a
// folder every regular file below it counts (hidden ones, and files that end in ".shoal" or carry this
// project's temporary names, do not; links are followed only to what lies inside the folder; sockets, pipes
// and devices are left out).
//
// Errors: NOT_FOUND, PERMISSION_DENIED (with the path), INVALID_ARGUMENT (a folder with no file in it, a name
// that a manifest can't carry, too many files or chunks), ABORTED (a file changed while it was read: try
// again later), CANCELLED. Blocks until done.
absl::StatusOr<BuiltManifest> BuildManifest(const std::string& path, const ManifestBuilderOptions& options);

}  // namespace shoal
