#include "shoal/content/manifest/id_prefix.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"

namespace shoal {

std::optional<IdPrefix> IdPrefix::Parse(absl::string_view text) {
  if (text.size() < kMinDigits || text.size() > kMaxDigits) return std::nullopt;
  if (!std::all_of(text.begin(), text.end(), absl::ascii_isxdigit)) return std::nullopt;
  return IdPrefix(absl::AsciiStrToLower(text));
}

bool IdPrefix::Matches(const ContentId& id) const {
  return absl::StartsWith(id.ToHex(), digits_);
}

}  // namespace shoal
