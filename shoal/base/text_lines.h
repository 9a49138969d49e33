#pragma once

#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace shoal {

// One line of a file that people write, and that says something.
struct TextLine {
  int number = 0;          // from 1, as editors count
  absl::string_view text;  // not empty, without white space at its ends and without its comment

  // INVALID_ARGUMENT with "line N: WHY".
  absl::Status Fault(absl::string_view why) const;
};

// How a file has comments: what values may hold decides.
enum class Comments {
  kOwnLines,  // a line that begins with '#', behind white space or none; elsewhere '#' is text
  kAnywhere,  // from a '#' to the end of its line
};

// Returns the lines of `text` that have more than white space and comments. A line ends with '\n' or the end
// of the text; a '\r' is white space, and so is a byte order mark at the beginning. It takes memory in
// proportion to the text: ReadFile bounds that of a file. The result refers to `text`, which must outlive it.
std::vector<TextLine> LinesOf(absl::string_view text, Comments comments);

}  // namespace shoal
