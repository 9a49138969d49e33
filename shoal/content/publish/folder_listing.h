#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "shoal/base/file_stamp.h"
#include "shoal/content/manifest/content_links.h"
#include "shoal/content/manifest/manifest.h"

namespace shoal {

// What becomes of the symbolic links of a folder that is published.
enum class LinkPolicy {
  // Links that stay inside of the folder are published as links, whether or not their target exists. All
  // others are left out, so that nothing outside of the folder is ever read.
  kKeepInside,
  // As above, but a link that leads out of the folder, or is absolute, is replaced by what it leads to. A
  // user with write access to the folder can then publish every file that this process can read.
  kFollow,
};

// A file of a folder that is published, and its stamp.
struct ListedFile {
  FileEntry entry;
  FileStamp stamp;
};

// Something in a folder that is not published.
struct LeftOut {
  std::string path;    // relative to the folder, as FileEntry::path
  std::string reason;  // completes "PATH is left out: "

  friend bool operator==(const LeftOut&, const LeftOut&) = default;
};

// What is in a folder. Each list is in ascending byte order of path. Files, empty folders and links are what
// Manifest::Create takes; together with `left_out` they account for every name below the folder.
struct FolderListing {
  std::vector<ListedFile> files;
  std::vector<std::string> empty_folders;  // also those of which everything is left out
  std::vector<LinkEntry> links;
  std::vector<LeftOut> left_out;
};

// Lists everything below `folder`: files (hidden ones too; each name of a hard link is a file), empty folders
// and symbolic links. One bad entry does not keep the rest from being listed. Left out are links according to
// `links`; sockets, FIFOs and devices; files and folders that this process may not read; paths that a
// manifest can't carry; and unfinished downloads (".shoal-tmp", ".shoal-progress"). If `folder` itself is a
// link, it is followed.
//
// It reads no file, and does not watch the folder: a file that is being changed is detected by its stamp when
// it is hashed. It costs one stat per entry, and a check of the permissions unless the process is root.
//
// Errors: NOT_FOUND and PERMISSION_DENIED for `folder` itself, with the path; ABORTED if an entry disappeared
// meanwhile; RESOURCE_EXHAUSTED without descriptors or memory; INVALID_ARGUMENT if there are more entries
// than a manifest can carry.
// Thread safety: thread-safe.
absl::StatusOr<FolderListing> ListFolder(const std::string& folder,
                                         LinkPolicy links = LinkPolicy::kKeepInside);

}  // namespace shoal
