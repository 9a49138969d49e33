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

// openat(2) of `path` (as CheckContentPath allows it) below the folder `root`. A symbolic link anywhere on
// the path is an error, so that nothing outside of the folder is ever reached. `flags` and `mode` apply to
// the last component. Errors: as FileDescriptor::Open; they call the folder `shown_root`.
absl::StatusOr<FileDescriptor> OpenBelow(int root, const std::string& shown_root, const std::string& path,
                                         int flags, MissingFolders missing, unsigned mode = 0666);

// Opens the folder `path` below `root` as an O_PATH descriptor; creates it and its parents if missing. Links
// and errors as above.
absl::StatusOr<FileDescriptor> MakeFolderBelow(int root, const std::string& shown_root,
                                               const std::string& path);

// A cache of a few open folders from which several files were opened recently, so that each further file is
// one step away. A folder is opened at its second request; the first only records its name, since most
// folders with few files are never requested again. Thread-safe.
class OpenFolders {
 public:
  static constexpr size_t kMaxOpen = 4;

  using Open = std::function<absl::StatusOr<FileDescriptor>()>;

  // Returns: null the first time, and when `open` fails; the caller then opens by the whole path.
  std::shared_ptr<const FileDescriptor> Find(absl::string_view folder, const Open& open);
  // Removes a folder whose descriptor is stale.
  void Drop(absl::string_view folder);

 private:
  struct Entry {
    std::string folder;
    uint64_t last_use = 0;
    std::shared_ptr<const FileDescriptor> descriptor;  // null: only its name is recorded
  };

  Mutex mutex_;
  uint64_t uses_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<Entry> entries_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace shoal
