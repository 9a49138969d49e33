#include "shoal/content/manifest/id_prefix.h"

#include <gtest/gtest.h>

namespace shoal {
namespace {

TEST(IdPrefix, HasEightToSixtyThreeHexDigits) {
  for (const std::string& text :
       {std::string("deadbeef"), std::string("DEADBEEF01"), std::string(63, 'a'), std::string("00000000")}) {
    EXPECT_TRUE(IdPrefix::Parse(text).has_value()) << text;
  }
  for (const std::string& text :
       {std::string(), std::string("deadbee"), std::string(64, 'a'), std::string("deadbeeg"),
        std::string("deadbee "), std::string("0xdeadbeef")}) {
    EXPECT_FALSE(IdPrefix::Parse(text).has_value()) << text;
  }
}

TEST(IdPrefix, MatchesDigitByDigitInEitherCase) {
  const ContentId id = *ContentId::FromHex("deadbeef01" + std::string(54, '0'));
  EXPECT_TRUE(IdPrefix::Parse("deadbeef")->Matches(id));
  EXPECT_TRUE(IdPrefix::Parse("DeadBeef0")->Matches(id));
  EXPECT_TRUE(IdPrefix::Parse("deadbeef01")->Matches(id));
  EXPECT_FALSE(IdPrefix::Parse("deadbeef1")->Matches(id));
}

}  // namespace
}  // namespace shoal
