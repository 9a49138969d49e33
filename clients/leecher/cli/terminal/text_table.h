#pragma once

#include <string>
#include <utility>
#include <vector>

namespace shoal::leecher {

// Columns under each other, two blanks between them. Cells are text as Printable gives it. Immutable once
// rendered; one thread.
class TextTable {
 public:
  enum class Align { kLeft, kRight };
  struct Column {
    std::string title;
    Align align = Align::kLeft;
    // When the table is too wide, the column that may shrink does, down to its title's width. At most one.
    bool may_shrink = false;
  };

  explicit TextTable(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // One cell a column.
  void Add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  bool empty() const { return rows_.empty(); }

  // The title line and a line a row, no blanks at the ends of lines. `max_width` 0: as wide as it needs.
  std::vector<std::string> Render(int max_width) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace shoal::leecher
