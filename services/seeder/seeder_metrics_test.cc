#include "services/seeder/seeder_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shoal::seeder {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(SeederMetricsTest, AContentIsShownAsLongAsItIsOffered) {
  SeederMetrics metrics;
  SeederFigures figures;
  figures.by_content = {{.id = "aa", .name = "one", .sent_bytes = 100, .bytes_per_second = 5, .peers = 2},
                        {.id = "bb", .name = "two", .sent_bytes = 7, .bytes_per_second = 0, .peers = 0}};
  const std::string both = metrics.Render(figures);
  EXPECT_THAT(both, HasSubstr("shoal_seeder_content_sent_bytes{content=\"aa\",name=\"one\"} 100\n"));
  EXPECT_THAT(both, HasSubstr("shoal_seeder_content_sent_bytes_per_second{content=\"aa\",name=\"one\"} 5\n"));
  EXPECT_THAT(both, HasSubstr("shoal_seeder_content_peers{content=\"bb\",name=\"two\"} 0\n"));
  figures.by_content.erase(figures.by_content.begin());
  figures.by_content[0].sent_bytes = 8;
  const std::string one = metrics.Render(figures);
  EXPECT_THAT(one, Not(HasSubstr("content=\"aa\"")));
  EXPECT_THAT(one, HasSubstr("shoal_seeder_content_sent_bytes{content=\"bb\",name=\"two\"} 8\n"));
}

}  // namespace
}  // namespace shoal::seeder
