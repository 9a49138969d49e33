#pragma once

#include <cstddef>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace shoal::tracking {

// The site of a peer: a rack, a room, a city, as its operators name it. A tracker names peers of the
// requester's own site first. Equal text is the same site; empty text is no site.
inline constexpr size_t kMaxSiteBytes = 64;

// OK for a valid site: at most kMaxSiteBytes of printable ASCII without spaces, or empty. Errors:
// INVALID_ARGUMENT with the reason.
absl::Status CheckSite(absl::string_view site);

}  // namespace shoal::tracking
