#pragma once

#include <cstddef>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace shoal {

// The rules for names that arrive from other machines and are used on this one's disk and terminal. They are
// lexical: nothing here looks at a file system, so a path that passes may still lead through a link there
// (shoal/content/publish/open_below.h prevents that). Each publisher and each decoder applies the same rules,
// so that what one machine publishes every other machine accepts.
//
// Errors: INVALID_ARGUMENT, with the name (escaped) and the rule that it breaks.
// Thread safety: thread-safe.

inline constexpr size_t kMaxNameBytes = 255;   // of a content's name
inline constexpr size_t kMaxPathBytes = 4096;  // of a path within a content

// Checks the name of a content: 1 to kMaxNameBytes bytes of UTF-8 that form one component of a path. It
// contains no '/', no '\' and no control characters (it is shown on terminals), and is not "." or "..".
absl::Status CheckContentName(absl::string_view name);

// Checks the path of a file within a content: 1 to kMaxPathBytes bytes, relative, components of 1 to 255
// bytes separated by one '/' each, none of them "." or "..", no NUL and no '\' (a separator on other
// systems). Other bytes are as the publisher's disk had them; they need not be UTF-8.
absl::Status CheckContentPath(absl::string_view path);

// Returns: the path of the folder that contains `path`, without the last '/'; empty for a path of one
// component. A view into `path`.
absl::string_view FolderOf(absl::string_view path);

}  // namespace shoal
