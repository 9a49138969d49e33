#pragma once

#include <cstddef>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace shoal::tracking {

// Where a peer stands: a rack, a room, a city, whatever the people who run it call it. A tracker hands out
// peers of the asker's own site first. Equal text is the same site; no text is no site.
inline constexpr size_t kMaxSiteBytes = 64;

// OK for what may be a site: at most kMaxSiteBytes of printable ASCII without spaces, or nothing.
// INVALID_ARGUMENT that says what is wrong.
absl::Status CheckSite(absl::string_view site);

}  // namespace shoal::tracking
