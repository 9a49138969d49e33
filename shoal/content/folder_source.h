#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "shoal/base/mutex.h"
#include "shoal/content/chunk_source.h"

namespace shoal {

// What a file looked like when it was hashed: enough to see that it is another one now.
struct FileStamp {
  uint64_t length_bytes = 0;
  int64_t modified_ns = 0;  // since the epoch
  uint64_t inode = 0;

  // Of the file at `path`, symbolic links followed. NOT_FOUND, PERMISSION_DENIED as FileDescriptor::Open;
  // FAILED_PRECONDITION when it is no regular file.
  static absl::StatusOr<FileStamp> Of(const std::string& path);
  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};

// A whole content that lies in files of this machine: what a seeder offers. Opens files when they are first asked for
// and keeps at most 64 open. Each opening compares the file's stamp with the one from the hashing, and so does each
// chunk at most a second later: a file that was overwritten is noticed (FAILED_PRECONDITION), though bytes may have
// left before; the receiver's checks are what makes that safe. Thread-safe.
class FolderSource final : public ChunkSource {
 public:
  // `root` is the content's folder, or the folder that holds its single file. `stamps` has one entry per file of the
  // manifest, from the time when they were hashed.
  FolderSource(std::shared_ptr<const Manifest> manifest, std::string root, std::vector<FileStamp> stamps);
  ~FolderSource() override;

  const std::shared_ptr<const Manifest>& manifest() const override { return manifest_; }
  ChunkSet Held() const override { return ChunkSet::All(manifest_->chunk_count()); }
  bool Holds(ChunkIndex) const override { return true; }
  absl::StatusOr<FileRegion> Open(ChunkIndex index) const override;

 private:
  struct OpenFiles;

  const std::shared_ptr<const Manifest> manifest_;
  const std::string root_;
  const std::vector<FileStamp> stamps_;
  const std::unique_ptr<OpenFiles> open_files_;
};

}  // namespace shoal
