#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "shoal/base/file_descriptor.h"
#include "shoal/base/mutex.h"

namespace shoal {

enum class MissingFolders { kFail, kMake };

// openat(2) of `path` (as CheckContentPath allows it) below the folder `root`: a symbolic link anywhere on
// the way is an error, so that nothing outside of the folder is ever reached. `flags` and `mode` are for the
// last part. Errors as FileDescriptor::Open; `shown_root` is what they call the folder.
absl::StatusOr<FileDescriptor> OpenBelow(int root, const std::string& shown_root, const std::string& path,
                                         int flags, MissingFolders missing, unsigned mode = 0666);

// The folder `path` below `root`, made with those above it where it is missing; as a descriptor to reach
// names in it by (O_PATH). Links and errors as above.
absl::StatusOr<FileDescriptor> MakeFolderBelow(int root, const std::string& shown_root,
                                               const std::string& path);

// The folders out of which several files were opened lately: a few stay open, so that the way to each next
// file is one step. A folder is opened when it is asked for a second time; the first time only its name is
// noted, since most folders of few files are never asked for again. Thread-safe.
class OpenFolders {
 public:
  static constexpr size_t kMaxOpen = 4;

  using Open = std::function<absl::StatusOr<FileDescriptor>()>;

  // Null the first time, and when `open` fails: the caller goes the whole way then.
  std::shared_ptr<const FileDescriptor> Find(absl::string_view folder, const Open& open);
  // What was kept open is of no use any more.
  void Drop(absl::string_view folder);

 private:
  struct Entry {
    std::string folder;
    uint64_t last_use = 0;
    std::shared_ptr<const FileDescriptor> descriptor;  // null: noted only
  };

  Mutex mutex_;
  uint64_t uses_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<Entry> entries_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace shoal
