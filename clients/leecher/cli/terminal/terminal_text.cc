#include "clients/leecher/cli/terminal/terminal_text.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "shoal/base/code_point.h"

namespace shoal::leecher {
namespace {

// A column that shrinks is not cut further while others can be left out.
constexpr int kReadableColumns = 12;

int ColumnsOf(uint32_t c) {
  if ((c >= 0x0300 && c <= 0x036f) || (c >= 0x200c && c <= 0x200d) || (c >= 0x20d0 && c <= 0x20ff) ||
      (c >= 0xfe00 && c <= 0xfe0f)) {
    return 0;
  }
  const bool wide =
      (c >= 0x1100 && c <= 0x115f) || (c >= 0x2e80 && c <= 0x303e) || (c >= 0x3041 && c <= 0xa4cf) ||
      (c >= 0xac00 && c <= 0xd7a3) || (c >= 0xf900 && c <= 0xfaff) || (c >= 0xfe30 && c <= 0xfe6f) ||
      (c >= 0xff00 && c <= 0xff60) || (c >= 0xffe0 && c <= 0xffe6) || (c >= 0x1f300 && c <= 0x1f64f) ||
      (c >= 0x1f680 && c <= 0x1f6ff) || (c >= 0x1f900 && c <= 0x1faff) || (c >= 0x20000 && c <= 0x3fffd);
  return wide ? 2 : 1;
}

}  // namespace

std::string Printable(absl::string_view text) {
  std::string shown;
  shown.reserve(text.size());
  while (!text.empty()) {
    const CodePoint point = CodePoint::At(text);
    if (point.bytes == 0) {
      absl::StrAppendFormat(&shown, "\\x%02x", static_cast<uint8_t>(text[0]));
      text.remove_prefix(1);
      continue;
    }
    if (!point.is_harmful()) {
      absl::StrAppend(&shown, text.substr(0, point.bytes));
    } else if (point.value < 0x100) {
      absl::StrAppendFormat(&shown, "\\x%02x", point.value);
    } else {
      absl::StrAppendFormat(&shown, "\\u%04x", point.value);
    }
    text.remove_prefix(point.bytes);
  }
  return shown;
}

int DisplayWidth(absl::string_view text) {
  int columns = 0;
  while (!text.empty()) {
    const CodePoint point = CodePoint::At(text);
    columns += point.bytes == 0 ? 1 : ColumnsOf(point.value);
    text.remove_prefix(std::max<size_t>(point.bytes, 1));
  }
  return columns;
}

std::string Shorten(absl::string_view text, int columns) {
  if (DisplayWidth(text) <= columns) return std::string(text);
  if (columns <= 0) return "";
  // Where each character starts, and the columns before it.
  struct Cut {
    size_t offset;
    int columns;
  };
  std::vector<Cut> cuts;
  int width = 0;
  for (size_t at = 0; at < text.size();) {
    cuts.push_back({at, width});
    const CodePoint point = CodePoint::At(text.substr(at));
    width += point.bytes == 0 ? 1 : ColumnsOf(point.value);
    at += std::max<size_t>(point.bytes, 1);
  }
  cuts.push_back({text.size(), width});
  const int head_columns = columns / 2;
  const int tail_columns = columns - 1 - head_columns;
  size_t head = 0;
  size_t tail = text.size();
  for (const Cut& cut : cuts) {
    if (cut.columns <= head_columns) head = cut.offset;
    if (width - cut.columns <= tail_columns) {
      tail = cut.offset;
      break;
    }
  }
  return absl::StrCat(text.substr(0, head), "\u2026", text.substr(tail));
}

std::string CutEnd(absl::string_view text, int columns) {
  if (DisplayWidth(text) <= columns) return std::string(text);
  if (columns <= 0) return "";
  size_t end = 0;
  int width = 0;
  while (end < text.size()) {
    const CodePoint point = CodePoint::At(text.substr(end));
    width += point.bytes == 0 ? 1 : ColumnsOf(point.value);
    if (width > columns - 1) break;
    end += std::max<size_t>(point.bytes, 1);
  }
  return absl::StrCat(text.substr(0, end), "\u2026");
}

std::string PadRight(absl::string_view text, int columns) {
  return absl::StrCat(text, std::string(static_cast<size_t>(std::max(0, columns - DisplayWidth(text))), ' '));
}

std::string PadLeft(absl::string_view text, int columns) {
  return absl::StrCat(std::string(static_cast<size_t>(std::max(0, columns - DisplayWidth(text))), ' '), text);
}

std::string FormatCount(uint64_t count) {
  std::string digits = absl::StrCat(count);
  for (int at = static_cast<int>(digits.size()) - 3; at > 0; at -= 3)
    digits.insert(static_cast<size_t>(at), ",");
  return digits;
}

std::string Plural(uint64_t count, absl::string_view noun) {
  return absl::StrCat(FormatCount(count), " ", noun, count == 1 ? "" : "s");
}

std::vector<std::string> TextTable::Render(int max_width) const {
  std::vector<int> widths;
  int total = 0;  // of the columns that are shown
  int spare = 0;  // what may go of that
  for (size_t i = 0; i < columns_.size(); ++i) {
    int width = DisplayWidth(columns_[i].title);
    for (const auto& row : rows_) width = std::max(width, DisplayWidth(row[i]));
    const int shrinks_by = columns_[i].may_shrink ? std::max(0, width - kReadableColumns) : 0;
    if (max_width > 0 && i > 0 && total - spare + 2 + width - shrinks_by > max_width) break;
    widths.push_back(width);
    total += width + (i == 0 ? 0 : 2);
    spare += shrinks_by;
  }
  for (size_t i = 0; i < widths.size(); ++i) {
    if (max_width > 0 && total > max_width && columns_[i].may_shrink)
      widths[i] = std::max(widths[i] - (total - max_width), 1);
  }

  const auto render_row = [&](const std::vector<std::string>& cells) {
    std::string line;
    for (size_t i = 0; i < widths.size(); ++i) {
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
