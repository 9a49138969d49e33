#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "shoal/base/byte_order.h"
#include "shoal/base/file_descriptor.h"
#include "shoal/content/manifest/manifest.h"
#include "shoal/content/publish/file_stamp.h"
#include "shoal/content/publish/open_below.h"

namespace shoal {

// The single-chunk files of an unfinished folder: each is created when its chunk arrives, written with one
// call and closed. There may be a hundred thousand of them, so each saved system call counts
// (docs/adr/0016). Thread-safe.
class OneChunkFiles {
 public:
  // `root`: the folder that paths are relative to; must outlive this. `shown_root`: what errors call it.
  OneChunkFiles(std::shared_ptr<const Manifest> manifest, int root, std::string shown_root);

  // Makes the file, with the folders above it, or overwrites what is there. FAILED_PRECONDITION when that is
  // no regular file; other errors as OpenBelow and WriteAt.
  absl::Status Write(FileIndex file, ByteView bytes);

  // Returns: the stamp of a file that was created here and not touched since; nullopt if it existed before
  // or was written twice, so that the caller has to stat it. Requires: no Write of this file in progress.
  std::optional<FileStamp> StampOf(FileIndex file) const;

 private:
  enum class Made : uint8_t { kNot, kOnce, kAndOverwritten };

  absl::StatusOr<FileDescriptor> Make(const std::string& path);
  absl::Status Overwrite(FileIndex file, ByteView bytes);
  std::string Shown(const std::string& path) const;

  const std::shared_ptr<const Manifest> manifest_;
  const int root_;
  const std::string shown_root_;
  OpenFolders folders_;
  std::vector<std::atomic<Made>> made_;  // per file
  std::vector<FileStamp> stamps_;        // of those that are kOnce
};

}  // namespace shoal
