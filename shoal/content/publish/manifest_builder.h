#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "shoal/base/file_stamp.h"
#include "shoal/content/manifest/manifest.h"
#include "shoal/content/publish/folder_listing.h"

namespace shoal {

// A manifest, and the stamps of its files from when they were hashed.
struct BuiltManifest {
  Manifest manifest;
  std::string root;                            // as FolderSource takes it
  std::vector<FileStamp> stamps;               // one per file of the manifest
  LinkPolicy links = LinkPolicy::kKeepInside;  // as FolderSource takes it
  // What is in the folder and not in the manifest, in ascending byte order of path.
  std::vector<LeftOut> left_out = {};
};

// Why a file is left out by ManifestBuilderOptions::leave_out.
inline constexpr char kChangesReason[] =
    "it changes again and again or is open for writing; it is published once it does not change any more";

struct ManifestBuilderOptions {
  // Unset: ChunkSizeFor the content's length.
  std::optional<uint32_t> chunk_size_bytes;
  // What becomes of the symbolic links of a folder.
  LinkPolicy links = LinkPolicy::kKeepInside;
  // Threads that hash; 0: one per core.
  unsigned threads = 0;
  // Called from one of the hashing threads, never from two at once, a few times a second at most and once at
  // the end: bytes hashed so far, bytes in all.
  std::function<void(uint64_t done_bytes, uint64_t total_bytes)> on_progress;
  // Paths below a folder that do not become part of the content. Null: none. Must outlive the call.
  // They are left out for kChangesReason.
  const std::set<std::string>* leave_out = nullptr;
  // Set to true by any thread to cancel: CANCELLED.
  const std::atomic<bool>* cancelled = nullptr;
};

// Reads and hashes the file or folder at `path`, and returns when all of it is hashed. The content's name is
// the last component of `path`. A folder is published as ListFolder lists it, with its files, empty folders
// and links; a file of it that can't be read is left out. If `path` itself is a link, it is followed.
//
// Errors: NOT_FOUND and PERMISSION_DENIED for `path` itself, with the path; INVALID_ARGUMENT for a folder
// without files, a name that a manifest can't carry, or too many files or chunks; ABORTED if a file changed
// while it was read (the caller may retry); CANCELLED if `options.cancelled` became true; those of
// ListFolder. Thread safety: thread-safe.
absl::StatusOr<BuiltManifest> BuildManifest(const std::string& path, const ManifestBuilderOptions& options);

}  // namespace shoal
