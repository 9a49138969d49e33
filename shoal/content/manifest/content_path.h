#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace shoal {

// The rules for names that come from other machines and end up on this one's disk and terminal. Each Check
// returns OK, or INVALID_ARGUMENT with the rule that was broken.

// A content's name: 1 to kMaxNameBytes bytes of UTF-8 that are one part of a path: no '/', no '\', not "." or
// "..", and no control characters (it is shown on terminals).
absl::Status CheckContentName(absl::string_view name);

// A file's path in a content: at most kMaxPathBytes, relative, parts of 1 to 255 bytes with one '/' between
// them, no part "." or "..", no NUL and no '\' (which is a separator elsewhere). Other bytes are as the disk
// had them.
absl::Status CheckContentPath(absl::string_view path);

// The folder that a path names a file of: a part of `path`, empty at the top.
absl::string_view FolderOf(absl::string_view path);

}  // namespace shoal
