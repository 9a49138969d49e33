#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "shoal/base/clock.h"
#include "shoal/content/publish/chunk_source.h"
#include "shoal/content/publish/file_stamp.h"
#include "shoal/content/publish/open_below.h"
#include "shoal/content/publish/open_files.h"

namespace shoal {

// A whole content that lies in files of this machine: what a seeder offers. Opens files when they are first
// asked for and keeps at most 64 open. Each opening compares the file's stamp with the one from the hashing,
// and so does each chunk at most a second later: a file that was overwritten is noticed
// (FAILED_PRECONDITION), though bytes may have left before; the receiver's checks are what makes that safe.
// Thread-safe.
class FolderSource final : public ChunkSource {
 public:
  // `root` is the content's folder, or the folder that holds its single file. `stamps` has one entry per file
  // of the manifest, from the time when they were hashed. `clock` must outlive the source.
  FolderSource(std::shared_ptr<const Manifest> manifest, std::string root, std::vector<FileStamp> stamps,
               const Clock& clock = Clock::Real());

  const std::shared_ptr<const Manifest>& manifest() const override { return manifest_; }
  ChunkSet Held() const override { return ChunkSet::All(manifest_->chunk_count()); }
  bool Holds(ChunkIndex) const override { return true; }
  absl::StatusOr<FileRegion> Open(ChunkIndex index) const override;

 private:
  absl::StatusOr<std::shared_ptr<const FileDescriptor>> OpenFile(FileIndex file) const;
  // Opens relative to its folder, if that is open.
  absl::StatusOr<FileDescriptor> OpenOnce(FileIndex file, const std::string& path) const;
  bool IsKeptOpen(FileIndex file) const;
  // Compares the stamp when the last comparison was more than a second ago.
  absl::Status CheckStamp(FileIndex file) const;
  std::string PathOf(FileIndex file) const;

  const std::shared_ptr<const Manifest> manifest_;
  const std::string root_;
  const std::vector<FileStamp> stamps_;
  const Clock& clock_;
  mutable OpenFiles open_files_;
  mutable OpenFolders open_folders_;  // of the files that are not kept open
  // Per file, the uptime of the last comparison in nanoseconds. The thread that moves it on is the one that
  // compares.
  mutable std::vector<std::atomic<int64_t>> compared_at_ns_;
};

}  // namespace shoal
