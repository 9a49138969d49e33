#pragma once

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "shoal/content/manifest/ids.h"

namespace shoal {

// The beginning of a content id, as people type it: 8 to 63 hex digits. It may be a name as well; a content
// of that name comes first. An immutable value.
class IdPrefix {
 public:
  static constexpr size_t kMinDigits = 8;
  static constexpr size_t kMaxDigits = 2 * ContentId::kSizeBytes - 1;

  // Nothing for a text that is no such beginning. Upper and lower case digits are the same.
  static std::optional<IdPrefix> Parse(absl::string_view text);

  bool Matches(const ContentId& id) const;
  const std::string& digits() const { return digits_; }  // lower case

 private:
  explicit IdPrefix(std::string digits) : digits_(std::move(digits)) {}

  std::string digits_;
};

}  // namespace shoal
