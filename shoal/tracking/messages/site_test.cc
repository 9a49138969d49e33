#include "shoal/tracking/messages/site.h"

#include <string>

#include "gtest/gtest.h"

namespace shoal::tracking {
namespace {

TEST(SiteTest, AcceptsNamesOfRacksAndCities) {
  for (const char* site : {"", "berlin", "dc-2/row.7:rack_12", "~"})
    EXPECT_TRUE(CheckSite(site).ok()) << site;
  EXPECT_TRUE(CheckSite(std::string(kMaxSiteBytes, 'x')).ok());
}

TEST(SiteTest, RejectsTextThatIsUnfitForALog) {
  for (const char* site : {" ", "two words", "line\nbreak", "\x7f", "Z\xC3\xBCrich"}) {
    EXPECT_FALSE(CheckSite(site).ok()) << site;
  }
  EXPECT_FALSE(CheckSite(std::string(kMaxSiteBytes + 1, 'x')).ok());
}

}  // namespace
}  // namespace shoal::tracking
