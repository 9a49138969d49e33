#include "clients/leecher/cli/terminal/terminal_text.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace shoal::leecher {
namespace {

using ::testing::ElementsAre;

TEST(PrintableTest, LeavesOrdinaryNamesAlone) {
  EXPECT_EQ(Printable("model-7b (final).bin"), "model-7b (final).bin");
  EXPECT_EQ(Printable("Überraschung 文件 😀"), "Überraschung 文件 😀");
}

TEST(PrintableTest, ControlCharactersCannotReachTheTerminal) {
  EXPECT_EQ(Printable("a\x1b[2Jb\r\n\x07"), "a\\x1b[2Jb\\x0d\\x0a\\x07");
  EXPECT_EQ(Printable("\x7f"), "\\x7f");
  EXPECT_EQ(Printable("\u009b31m"), "\\x9b31m");  // the one-character form of ESC [
  EXPECT_EQ(Printable(absl::string_view("a\0b", 3)), "a\\x00b");
}

TEST(PrintableTest, TheDirectionOfWritingCannotBeSwitched) {
  EXPECT_EQ(Printable("exe.\u202Efdp"), "exe.\\u202efdp");
  EXPECT_EQ(Printable("\u2066\u2028\ufeff"), "\\u2066\\u2028\\ufeff");
}

TEST(PrintableTest, BytesThatAreNoUtf8AreShownAsBytes) {
  EXPECT_EQ(Printable("caf\xe9!"), "caf\\xe9!");
  EXPECT_EQ(Printable("\xc0\xaf"), "\\xc0\\xaf");           // overlong
  EXPECT_EQ(Printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");  // surrogate
  EXPECT_EQ(Printable("\xf0\x9f\x98"), "\\xf0\\x9f\\x98");  // cut short
}

TEST(PrintableTest, IsIdempotentAndHasNoControlCharacters) {
  for (int first = 0; first < 256; ++first) {
    for (int second = 0; second < 256; ++second) {
      const std::string shown =
          Printable(std::string{static_cast<char>(first), static_cast<char>(second), 'x'});
      for (const char c : shown) ASSERT_FALSE((c >= 0 && c < 0x20) || c == 0x7f) << first << " " << second;
      ASSERT_EQ(Printable(shown), shown);
    }
  }
}

TEST(DisplayWidthTest, CountsColumns) {
  EXPECT_EQ(DisplayWidth("abc"), 3);
  EXPECT_EQ(DisplayWidth("文件"), 4);
  EXPECT_EQ(DisplayWidth("e\u0301"), 1);
  EXPECT_EQ(DisplayWidth(""), 0);
}

TEST(ShortenTest, KeepsBothEnds) {
  EXPECT_EQ(Shorten("short", 5), "short");
  EXPECT_EQ(Shorten("model-00017-of-00042.bin", 11), "model…2.bin");
  EXPECT_EQ(Shorten("abcdefghij", 5), "ab…ij");
  EXPECT_EQ(Shorten("abcdefghij", 1), "…");
  EXPECT_EQ(Shorten("abcdefghij", 0), "");
}

TEST(ShortenTest, NeverCutsACharacterAndNeverGetsTooWide) {
  const std::string name = "a文b件c名d😀e\u0301f";
  for (int columns = 1; columns <= 20; ++columns) {
    const std::string shown = Shorten(name, columns);
    EXPECT_LE(DisplayWidth(shown), columns);
    EXPECT_EQ(Printable(shown), shown);
  }
}

TEST(CutEndTest, KeepsTheBeginning) {
  EXPECT_EQ(CutEnd("nothing comes", 13), "nothing comes");
  EXPECT_EQ(CutEnd("nothing comes", 8), "nothing…");
  EXPECT_EQ(CutEnd("文件", 3), "文…");
  EXPECT_EQ(CutEnd("文件", 0), "");
}

TEST(PadTest, FillsByColumns) {
  EXPECT_EQ(PadRight("文", 4), "文  ");
  EXPECT_EQ(PadLeft("7", 3), "  7");
  EXPECT_EQ(PadLeft("1234", 3), "1234");
}

TEST(CountTest, GroupsDigits) {
  EXPECT_EQ(FormatCount(0), "0");
  EXPECT_EQ(FormatCount(999), "999");
  EXPECT_EQ(FormatCount(1000), "1,000");
  EXPECT_EQ(FormatCount(1234567), "1,234,567");
  EXPECT_EQ(Plural(1, "chunk"), "1 chunk");
  EXPECT_EQ(Plural(0, "peer"), "0 peers");
  EXPECT_EQ(Plural(2000, "chunk"), "2,000 chunks");
}

TEST(TextTableTest, AlignsColumns) {
  TextTable table({{"NAME", TextTable::Align::kLeft},
                   {"SIZE", TextTable::Align::kRight},
                   {"ID", TextTable::Align::kLeft}});
  table.Add({"文件", "1 B", "x"});
  table.Add({"longer", "12.0 MiB", ""});
  EXPECT_THAT(table.Render(0),
              ElementsAre("NAME        SIZE  ID", "文件         1 B  x", "longer  12.0 MiB"));
}

TEST(TextTableTest, ShrinksTheColumnThatMayShrink) {
  TextTable table({{"NAME", TextTable::Align::kLeft, true}, {"SIZE", TextTable::Align::kRight}});
  table.Add({"model-00017-of-00042.safetensors", "12.0 MiB"});
  for (const std::string& line : table.Render(24)) EXPECT_LE(DisplayWidth(line), 24) << line;
}

TEST(TextTableTest, LeavesTheLastColumnsOutWhereTheyDoNotFit) {
  TextTable table({{"NR", TextTable::Align::kRight},
                   {"NAME", TextTable::Align::kLeft, true},
                   {"SIZE", TextTable::Align::kRight},
                   {"AGE", TextTable::Align::kRight}});
  table.Add({"1", "model-00017-of-00042.safetensors", "12.0 MiB", "3m12s"});
  EXPECT_THAT(table.Render(33),
              ElementsAre("NR  NAME              SIZE    AGE", " 1  model-…nsors  12.0 MiB  3m12s"));
  EXPECT_THAT(table.Render(32),
              ElementsAre("NR  NAME                    SIZE", " 1  model-000…etensors  12.0 MiB"));
  EXPECT_THAT(table.Render(12), ElementsAre("NR", " 1"));
}

}  // namespace
}  // namespace shoal::leecher
