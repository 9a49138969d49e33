#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "shoal/base/file_stamp.h"
#include "shoal/content/manifest/checksum.h"
#include "shoal/content/manifest/manifest.h"
#include "shoal/content/publish/folder_listing.h"
#include "shoal/content/publish/manifest_builder.h"

namespace shoal::seeder {

// An entry is a file or sub-folder directly in the shared folder; each is one content under its own name. The
// functions below are thread-safe.

// Returns: whether an entry of that name is offered. Hidden entries, metadata files (*.shoal) and unfinished
// downloads (*.shoal-tmp, *.shoal-progress) are not.
bool IsOfferedName(absl::string_view name);

// A version of an entry that was hashed: what its files looked like. Immutable.
struct HashedVersion {
  std::shared_ptr<const Manifest> manifest;
  std::string root;               // as FolderSource takes it
  std::vector<FileStamp> stamps;  // one per file of the manifest
  Sha256Digest fingerprint{};     // EntryScan's
  LinkPolicy links = LinkPolicy::kKeepInside;
  size_t left_out = 0;  // entries of the folder that the manifest does not have
};

// The metadata of an entry, obtained without reading its files.
struct EntryScan {
  Manifest::Kind kind = Manifest::Kind::kFile;
  // As FolderListing's; of a single file all but `files` are empty.
  std::vector<ListedFile> files;
  std::vector<std::string> empty_folders;
  std::vector<LinkEntry> links;
  std::vector<LeftOut> left_out;
  uint64_t length_bytes = 0;
  // A manifest built from the entry is current as long as this equals its FingerprintOf.
  Sha256Digest fingerprint{};

  // Returns: the scan with the files at `paths` left out, for kChangesReason.
  EntryScan Without(const std::set<std::string>& paths) const;
};

// Scans the entry at `path`; costs one stat per file.
//
// Errors: NOT_FOUND: gone. PERMISSION_DENIED: a folder can't be listed. FAILED_PRECONDITION: a link (unless
// links are followed), a socket or a device, none of which is offered. ABORTED, INVALID_ARGUMENT: as
// ListFolder.
absl::StatusOr<EntryScan> ScanEntry(const std::string& path, LinkPolicy links = LinkPolicy::kKeepInside);

// Returns: the SHA-256 over the paths, executable bits and stamps of a content's files, its empty folders and
// its links. Requires: `stamps` has one entry per file.
Sha256Digest FingerprintOf(const Manifest& manifest, const std::vector<FileStamp>& stamps);

// Compares a version with a later scan of the same entry.
struct VersionComparison {
  // A file of the version is gone or another one (FileStamp::Comparison::kOther): the version can't be
  // served.
  bool outdated = false;
  std::string outdated_path;  // the first such file
  // Indices into the scan's files: those that are not exactly as in the version.
  std::vector<size_t> news;
};
VersionComparison CompareWith(const HashedVersion& version, const EntryScan& scan);

}  // namespace shoal::seeder
