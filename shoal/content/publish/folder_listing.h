#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "shoal/content/manifest/manifest.h"
#include "shoal/content/publish/file_stamp.h"

namespace shoal {

// A file that would be published, and its stamp.
struct ListedFile {
  FileEntry entry;
  FileStamp stamp;
};

// The files below `folder` that belong to a content, in ascending byte order of path: regular files that are
// not hidden and carry none of this project's own endings (".shoal", ".shoal-tmp", ".shoal-progress"). Links
// are followed only to what lies inside the folder; sockets, pipes and devices are left out.
//
// NOT_FOUND and PERMISSION_DENIED (with the path); ABORTED when something went away in the midst;
// INVALID_ARGUMENT when a manifest can't carry a path, or so many files. Blocks.
absl::StatusOr<std::vector<ListedFile>> ListFolder(const std::string& folder);

}  // namespace shoal
