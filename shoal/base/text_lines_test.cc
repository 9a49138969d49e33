#include "shoal/base/text_lines.h"

#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shoal {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

std::vector<std::pair<int, std::string>> Read(absl::string_view text, Comments comments) {
  std::vector<std::pair<int, std::string>> lines;
  for (const TextLine& line : LinesOf(text, comments)) lines.emplace_back(line.number, line.text);
  return lines;
}

TEST(LinesOf, LeavesOutBlankLinesAndComments) {
  const absl::string_view text = "\n# what it is\n  a b \t\r\n \t\n\t# more\nc";
  EXPECT_THAT(Read(text, Comments::kOwnLines), ElementsAre(Pair(3, "a b"), Pair(6, "c")));
  EXPECT_THAT(Read(text, Comments::kAnywhere), ElementsAre(Pair(3, "a b"), Pair(6, "c")));
}

TEST(LinesOf, ACommentBehindTextDependsOnTheFile) {
  const absl::string_view text = "a#b # c\nd #\n";
  EXPECT_THAT(Read(text, Comments::kOwnLines), ElementsAre(Pair(1, "a#b # c"), Pair(2, "d #")));
  EXPECT_THAT(Read(text, Comments::kAnywhere), ElementsAre(Pair(1, "a"), Pair(2, "d")));
}

TEST(LinesOf, AByteOrderMarkIsNoText) {
  EXPECT_THAT(Read("\xef\xbb\xbf# comment\r\na\r\n", Comments::kOwnLines), ElementsAre(Pair(2, "a")));
  EXPECT_THAT(Read("\xef\xbb\xbf"
                   "a",
                   Comments::kAnywhere),
              ElementsAre(Pair(1, "a")));
}

TEST(LinesOf, TakesAnyBytes) {
  EXPECT_THAT(Read("", Comments::kAnywhere), IsEmpty());
  EXPECT_THAT(Read("\n\n\n", Comments::kOwnLines), IsEmpty());
  const std::string odd("a\0b\xff", 4);
  EXPECT_THAT(Read(odd, Comments::kAnywhere), ElementsAre(Pair(1, odd)));
  EXPECT_THAT(Read(std::string(1000, '\n') + "x", Comments::kAnywhere), ElementsAre(Pair(1001, "x")));
  EXPECT_THAT(Read(std::string(100'000, 'x'), Comments::kAnywhere), SizeIs(1));
}

TEST(TextLine, AFaultSaysWhichLine) {
  const absl::Status fault = LinesOf("\n\nx", Comments::kOwnLines)[0].Fault("is no key");
  EXPECT_EQ(fault, absl::InvalidArgumentError("line 3: is no key"));
}

}  // namespace
}  // namespace shoal
