#pragma once

#include <algorithm>
#include <cstddef>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace shoal::tracking {

// A site is where a peer is, as its operators name it: a rack, a room, a city. A tracker names peers of the
// requester's own site first, so that most traffic stays there. Equal text is the same site; empty text is no
// site. The text appears in logs and on pages, hence its narrow alphabet.
inline constexpr size_t kMaxSiteBytes = 64;

// Returns: OK for a valid site, which is at most kMaxSiteBytes of printable ASCII without spaces, or empty.
// Errors: INVALID_ARGUMENT with the reason.
inline absl::Status CheckSite(absl::string_view site) {
  if (site.size() > kMaxSiteBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("has ", site.size(), " bytes, the most is ", kMaxSiteBytes));
  }
  if (!std::all_of(site.begin(), site.end(), [](char c) { return c > ' ' && c <= '~'; })) {
    return absl::InvalidArgumentError("may have letters, digits and signs of ASCII only, and no spaces");
  }
  return absl::OkStatus();
}

}  // namespace shoal::tracking
