#include "shoal/base/text_lines.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace shoal {

absl::Status TextLine::Fault(absl::string_view why) const {
  return absl::InvalidArgumentError(absl::StrCat("line ", number, ": ", why));
}

std::vector<TextLine> LinesOf(absl::string_view text, Comments comments) {
  // Of an editor's UTF-8, and no part of the first line.
  absl::ConsumePrefix(&text, "\xef\xbb\xbf");
  std::vector<TextLine> lines;
  int number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    if (comments == Comments::kAnywhere) line = line.substr(0, line.find('#'));
    line = absl::StripAsciiWhitespace(line);
    if (!line.empty() && line[0] != '#') lines.push_back({number, line});
  }
  return lines;
}

}  // namespace shoal
