#include "clients/leecher/cli/terminal/question.h"

#include "gtest/gtest.h"

namespace shoal::leecher {
namespace {

TEST(QuestionTest, OnlyAYesIsAYes) {
  for (const char* yes : {"y", "Y", "yes", "YES", " y \r"}) EXPECT_TRUE(IsYes(yes)) << yes;
  for (const char* no : {"", "n", "no", "yo", "yes please", "ye"}) EXPECT_FALSE(IsYes(no)) << no;
}

}  // namespace
}  // namespace shoal::leecher
