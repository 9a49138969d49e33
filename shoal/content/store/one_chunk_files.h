#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "shoal/base/byte_order.h"
#include "shoal/base/file_descriptor.h"
#include "shoal/content/manifest/manifest.h"
#include "shoal/content/publish/open_below.h"
#include "shoal/content/store/own_changes.h"
#include "shoal/content/store/target_file_system.h"

namespace shoal {

// The single-chunk files of an unfinished folder: each is created when its chunk arrives, written with one
// call and closed. There may be a hundred thousand of them, so each saved system call counts
// (docs/adr/0016).
//
// Thread safety: all methods are thread-safe.
class OneChunkFiles {
 public:
  // `root`: the folder that paths are relative to. `shown_root`: what errors call it. `root`, `file_system`
  // and `own_changes` must outlive this.
  OneChunkFiles(std::shared_ptr<const Manifest> manifest, int root, std::string shown_root,
                const TargetFileSystem& file_system, OwnChanges& own_changes);

  // Creates the file and its parent folders, or overwrites the existing file.
  // Errors: FAILED_PRECONDITION when the path is no regular file; others as OpenBelow and
  // TargetFileSystem::Write.
  absl::Status Write(FileIndex file, ByteView bytes);

 private:
  absl::StatusOr<FileDescriptor> Make(const FileEntry& entry);
  absl::Status Fill(int fd, ByteView bytes) const;
  absl::Status Overwrite(FileIndex file, ByteView bytes);
  std::string Shown(const std::string& path) const;

  const std::shared_ptr<const Manifest> manifest_;
  const int root_;
  const std::string shown_root_;
  const TargetFileSystem& file_system_;
  OwnChanges& own_changes_;
  OpenFolders folders_;
};

}  // namespace shoal
