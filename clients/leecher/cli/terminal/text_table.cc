#include "clients/leecher/cli/terminal/text_table.h"

#include <algorithm>

#include "clients/leecher/cli/terminal/terminal_text.h"

namespace shoal::leecher {

std::vector<std::string> TextTable::Render(int max_width) const {
  std::vector<int> widths;
  int total = 0;
  for (size_t i = 0; i < columns_.size(); ++i) {
    int width = DisplayWidth(columns_[i].title);
    for (const auto& row : rows_) width = std::max(width, DisplayWidth(row[i]));
    widths.push_back(width);
    total += width + (i == 0 ? 0 : 2);
  }
  if (max_width > 0 && total > max_width) {
    for (size_t i = 0; i < columns_.size(); ++i) {
      if (!columns_[i].may_shrink) continue;
      widths[i] = std::max({DisplayWidth(columns_[i].title), widths[i] - (total - max_width), 4});
    }
  }

  const auto render_row = [&](const std::vector<std::string>& cells) {
    std::string line;
    for (size_t i = 0; i < columns_.size(); ++i) {
      if (i > 0) line.append("  ");
      const std::string cell = columns_[i].may_shrink ? Shorten(cells[i], widths[i]) : cells[i];
      line.append(columns_[i].align == Align::kLeft ? PadRight(cell, widths[i]) : PadLeft(cell, widths[i]));
    }
    line.erase(line.find_last_not_of(' ') + 1);
    return line;
  };

  std::vector<std::string> titles;
  for (const Column& column : columns_) titles.push_back(column.title);
  std::vector<std::string> lines = {render_row(titles)};
  for (const auto& row : rows_) lines.push_back(render_row(row));
  return lines;
}

}  // namespace shoal::leecher
