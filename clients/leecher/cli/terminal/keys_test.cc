#include "clients/leecher/cli/terminal/keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shoal::leecher {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Kind = Key::Kind;

TEST(KeysTest, AreLettersArrowsAndEnter) {
  EXPECT_THAT(ParseKeys("pQ"), ElementsAre(Key{Kind::kLetter, 'p'}, Key{Kind::kLetter, 'q'}));
  EXPECT_THAT(ParseKeys("\x1b[A\x1bOB\r"), ElementsAre(Key{Kind::kUp}, Key{Kind::kDown}, Key{Kind::kEnter}));
  EXPECT_THAT(ParseKeys("\x1b[1;5As"), ElementsAre(Key{Kind::kUp}, Key{Kind::kLetter, 's'}));
}

TEST(KeysTest, OthersAreSkipped) {
  EXPECT_THAT(ParseKeys("\x1b[5~\x1b[Z 1\xc3\xa4"), IsEmpty());
  EXPECT_THAT(ParseKeys("\x1b[15~p"), ElementsAre(Key{Kind::kLetter, 'p'}));
  EXPECT_THAT(ParseKeys("\x1b"), IsEmpty());
  EXPECT_THAT(ParseKeys("\x1b["), IsEmpty());
}

}  // namespace
}  // namespace shoal::leecher
