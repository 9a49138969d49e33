#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace shoal::leecher {

// Text for a terminal: escaping, measuring in columns, cutting, aligning. All functions are pure.

// Escapes text from outside (names, paths, messages of other machines) so that it can be shown to people:
// nothing in the result can move the cursor, change colours, switch the direction of writing or start a new
// line. Control characters (C0, DEL, C1), bidirectional overrides and line separators become "\x1b" or
// "\u202e"; bytes that are not UTF-8 become "\xff". Everything else stays as it is. Idempotent.
std::string Printable(absl::string_view text);

// Returns the columns that `text` (as Printable returns it) takes in a terminal: two for East Asian wide
// characters, none for combining ones.
int DisplayWidth(absl::string_view text);

// Returns `text` in at most `columns` columns. Text that is too long loses its middle to an ellipsis, so that
// the end of a name (its number, its suffix) stays visible.
std::string Shorten(absl::string_view text, int columns);

// As Shorten, but text that is too long loses its end. For sentences.
std::string CutEnd(absl::string_view text, int columns);

// Fill `text` with spaces to `columns`; longer text stays as it is.
std::string PadRight(absl::string_view text, int columns);
std::string PadLeft(absl::string_view text, int columns);

// "1,234,567"
std::string FormatCount(uint64_t count);
// "1 chunk", "2 chunks"
std::string Plural(uint64_t count, absl::string_view noun);

// Rows of cells, aligned in columns that are two spaces apart. Cells are text as Printable returns it.
// Thread safety: one thread.
class TextTable {
 public:
  enum class Align { kLeft, kRight };
  struct Column {
    std::string title;
    Align align = Align::kLeft;
    // This column shrinks when the table is too wide. At most one column.
    bool may_shrink = false;
  };

  explicit TextTable(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // Requires: one cell per column.
  void Add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  bool empty() const { return rows_.empty(); }

  // Returns the title line and one line per row, without spaces at the ends of lines. `max_width` 0: as wide
  // as the cells need. Where a column of 12 that may shrink is not enough, the last columns are left out; the
  // first one is never.
  std::vector<std::string> Render(int max_width) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace shoal::leecher
