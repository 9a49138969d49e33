#include "clients/leecher/cli/terminal/text_table.h"

#include "clients/leecher/cli/terminal/terminal_text.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace shoal::leecher {
namespace {

using ::testing::ElementsAre;

TEST(TextTableTest, AlignsColumns) {
  TextTable table({{"NAME", TextTable::Align::kLeft},
                   {"SIZE", TextTable::Align::kRight},
                   {"ID", TextTable::Align::kLeft}});
  table.Add({"文件", "1 B", "x"});
  table.Add({"longer", "12.0 MiB", ""});
  EXPECT_THAT(table.Render(0),
              ElementsAre("NAME        SIZE  ID", "文件         1 B  x", "longer  12.0 MiB"));
}

TEST(TextTableTest, ShrinksTheColumnThatMay) {
  TextTable table({{"NAME", TextTable::Align::kLeft, true}, {"SIZE", TextTable::Align::kRight}});
  table.Add({"model-00017-of-00042.safetensors", "12.0 MiB"});
  for (const std::string& line : table.Render(24)) EXPECT_LE(DisplayWidth(line), 24) << line;
}

}  // namespace
}  // namespace shoal::leecher
