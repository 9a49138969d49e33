#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace shoal::leecher {

// Text from outside (names, paths, other machines' reasons) as it may be shown to people: nothing in it can
// move the cursor, change colours, switch the direction of writing or start a new line. Control characters
// (C0, DEL, C1), the bidirectional overrides and the line separators become "\x1b" or "\u202e"; bytes that
// are no UTF-8 become "\xff". All else is left as it is.
std::string Printable(absl::string_view text);

// Columns that `text` (as Printable gives it) takes in a terminal: two for East Asian wide characters, none
// for combining ones.
int DisplayWidth(absl::string_view text);

// `text` in at most `columns` columns; what is too long loses its middle to an ellipsis, so that the end of a
// name (its number, its suffix) stays visible.
std::string Shorten(absl::string_view text, int columns);

// The same, but what is too long loses its end: for sentences.
std::string CutEnd(absl::string_view text, int columns);

// Filled with spaces to `columns`; longer text is left as it is.
std::string PadRight(absl::string_view text, int columns);
std::string PadLeft(absl::string_view text, int columns);

// "1,234,567"
std::string FormatCount(uint64_t count);
// "1 chunk", "2 chunks"
std::string Plural(uint64_t count, absl::string_view noun);

}  // namespace shoal::leecher
