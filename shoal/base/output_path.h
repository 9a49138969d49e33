#pragma once

#include <string>

#include "absl/status/status.h"

namespace shoal {

// Checks of the paths that a program writes to, made before the program does any work, so that a mistyped
// path costs neither the work nor an existing file. They leave nothing behind, and follow symbolic links. The
// file system may change after a check, so the later write can still fail. Thread-safe.

// OK when a file can be written to `path`, which may exist. Errors, each with the path:
//   kUsage         it is a folder, or another thing that is no regular file, or its name is empty
//   kNoSuchPath    its folder does not exist
//   kNoPermission  its folder can't be written
//   others         what the system says when a file is made there
absl::Status CheckOutputFile(const std::string& path);

// OK when files can be written into the folder `path`, which is made with its parents when they are needed.
// Errors:
//   kUsage         it, or a part of it, is no folder
//   kNoPermission  it can't be made, or can't be written
//   others         what the system says when a folder or a file is made there
absl::Status CheckOutputFolder(const std::string& path);

// OK unless the folder `path` can't exist: it, or a part of it, is no folder (kUsage). Makes nothing, and
// does not ask whether the folder can be written.
absl::Status CheckFolderName(const std::string& path);

// Refuses an output that is `input`, lies in it, or contains it, with kOutputInInput. Files and folders are
// compared by device and inode, so it does not matter by which path, link or mount they are reached. OK when
// `input` does not exist.
absl::Status CheckOutputOutsideInput(const std::string& output, const std::string& input);

}  // namespace shoal
