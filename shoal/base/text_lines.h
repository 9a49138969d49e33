#pragma once

#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace shoal {

// One line of a text file that people edit, which is neither empty nor only a comment.
struct TextLine {
  int number = 0;          // from 1, as editors count
  absl::string_view text;  // not empty, without white space at its ends and without its comment

  // INVALID_ARGUMENT with "line N: WHY".
  absl::Status Fault(absl::string_view why) const;
};

// The comment syntax of a file. Choose kOwnLines if a value may contain '#'.
enum class Comments {
  kOwnLines,  // a line that begins with '#', behind white space or none; elsewhere '#' is text
  kAnywhere,  // from a '#' to the end of its line
};

// Returns the lines of `text` that have more than white space and comments. A line ends with '\n' or the end
// of the text; a '\r' is white space, and so is a byte order mark at the beginning. The result takes memory
// in proportion to the text; bound the text by the `max_bytes` of ReadFile. The result refers to `text`,
// which must outlive it.
std::vector<TextLine> LinesOf(absl::string_view text, Comments comments);

}  // namespace shoal
