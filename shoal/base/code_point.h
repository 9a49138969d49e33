#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace shoal {

// A character of UTF-8 text.
struct CodePoint {
  uint32_t value = 0;
  size_t bytes = 0;  // 0: no UTF-8 here

  // Returns the code point at the start of `text`. Overlong forms and surrogates are not valid UTF-8.
  // Requires: `text` is not empty.
  static CodePoint At(absl::string_view text);

  // Returns whether the code point could mislead a reader or change the terminal's state: control characters
  // (C0, DEL, C1), direction marks and overrides, line separators, invisible spaces.
  bool is_harmful() const;
};

}  // namespace shoal
