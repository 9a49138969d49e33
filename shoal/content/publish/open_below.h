#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "shoal/base/file_descriptor.h"

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

}  // namespace shoal
