#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "shoal/base/clock.h"
#include "shoal/base/file_stamp.h"
#include "shoal/content/publish/chunk_source.h"
#include "shoal/content/publish/folder_listing.h"
#include "shoal/content/publish/open_below.h"
#include "shoal/content/publish/open_files.h"

namespace shoal {

// A whole content stored in files of this machine: what a seeder offers. It opens files on first use and
// keeps at most 64 open. Each opening compares the file's stamp with the one from hashing, and while a file
// stays open the stamp is compared once a second. A file that was overwritten is therefore detected within a
// second (FAILED_PRECONDITION); bytes that left before fail the receiver's checksums.
//
// While only a file's change time differs (it was linked, its mode was changed, or it was overwritten and its
// modification time restored), each of its chunks is read and compared with the manifest before it is served.
//
// No symbolic link below the root is followed, unless the content was published with LinkPolicy::kFollow: a
// folder that was replaced by a link counts as changed.
//
// Thread safety: thread-safe.
class FolderSource final : public ChunkSource {
 public:
  // `root` is the content's folder, or the folder that holds its single file. `stamps` has one entry per file
  // of the manifest, from the time when they were hashed; `links` and `left_out` are those of the
  // BuiltManifest. `clock` must outlive the source. `file_name`: what a content that is a single file is
  // called on the disk; empty: as in the manifest.
  FolderSource(std::shared_ptr<const Manifest> manifest, std::string root, std::vector<FileStamp> stamps,
               const Clock& clock = Clock::Real(), const std::string& file_name = "",
               LinkPolicy links = LinkPolicy::kKeepInside, size_t left_out = 0);

  const std::shared_ptr<const Manifest>& manifest() const override { return manifest_; }
  ChunkSet Held() const override { return ChunkSet::All(manifest_->chunk_count()); }
  bool Holds(ChunkIndex) const override { return true; }
  size_t left_out_count() const override { return left_out_; }
  absl::StatusOr<FileRegion> Open(ChunkIndex index) const override;

 private:
  absl::StatusOr<std::shared_ptr<const FileDescriptor>> OpenFile(FileIndex file) const;
  // Opens `path`, below the root, with `flags`.
  absl::StatusOr<FileDescriptor> OpenInRoot(const std::string& path, int flags) const;
  // Opens `file` relative to its folder, if that is open.
  absl::StatusOr<FileDescriptor> OpenOnce(FileIndex file) const;
  bool IsKeptOpen(FileIndex file) const;
  // Compares the stamp when the last comparison was more than a second ago.
  absl::Status CheckStamp(FileIndex file) const;
  absl::Status CheckBytes(ChunkIndex index, const FileRegion& region) const;
  std::string PathOf(FileIndex file) const;
  const std::string& PathInRoot(FileIndex file) const;

  const std::shared_ptr<const Manifest> manifest_;
  const std::string root_;
  const std::string file_name_;  // empty: as in the manifest
  const std::vector<FileStamp> stamps_;
  const Clock& clock_;
  const LinkPolicy links_;
  const size_t left_out_;
  mutable OpenFiles open_files_;
  mutable OpenFolders open_folders_;  // of the files that are not kept open
  // Per file, the uptime of the last comparison in nanoseconds. The thread that advances it does the
  // comparison.
  mutable std::vector<std::atomic<int64_t>> compared_at_ns_;
  mutable std::vector<std::atomic<bool>> doubtful_;  // per file: only the change time differs
};

}  // namespace shoal
