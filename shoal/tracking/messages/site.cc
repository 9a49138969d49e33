#include "shoal/tracking/messages/site.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace shoal::tracking {

absl::Status CheckSite(absl::string_view site) {
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
