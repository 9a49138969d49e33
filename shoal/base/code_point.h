#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace shoal {

// A character of UTF-8 text.
struct CodePoint {
  uint32_t value = 0;
  size_t bytes = 0;  // 0: no UTF-8 here

  // The one at the start of `text`, which is not empty. Overlong forms and surrogates are no UTF-8.
  static CodePoint At(absl::string_view text);

  // Whether it could mislead who reads it, or the terminal: controls (C0, DEL, C1), direction marks and
  // overrides, line separators, invisible spaces.
  bool is_harmful() const;
};

}  // namespace shoal
