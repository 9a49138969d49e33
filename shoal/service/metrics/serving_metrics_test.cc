#include "shoal/service/metrics/serving_metrics.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace shoal::service {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

size_t SeriesOf(const std::string& text, const std::string& name) {
  size_t count = 0;
  for (size_t at = 0; (at = text.find("\n" + name + "{", at)) != std::string::npos; ++at) ++count;
  return count;
}

TEST(ServingMetricsTest, AContentHasSeriesWhileItIsServed) {
  ServingMetrics metrics("shoal_seeder", "1.0");
  ServingFigures figures;
  figures.sent_bytes = 107;
  figures.by_content = {{.id = "aa", .name = "one", .sent_bytes = 100, .bytes_per_second = 5, .peers = 2},
                        {.id = "bb", .name = "two", .sent_bytes = 7, .bytes_per_second = 0, .peers = 0}};
  const std::string both = metrics.Render(figures);
  EXPECT_THAT(both,
              HasSubstr("# TYPE shoal_seeder_sent_bytes_total counter\nshoal_seeder_sent_bytes_total 107\n"));
  EXPECT_THAT(both, HasSubstr("shoal_seeder_content_sent_bytes_total{content=\"aa\",name=\"one\"} 100\n"));
  EXPECT_THAT(both, HasSubstr("shoal_seeder_content_sent_bytes_per_second{content=\"aa\",name=\"one\"} 5\n"));
  EXPECT_THAT(both, HasSubstr("shoal_seeder_content_peers{content=\"bb\",name=\"two\"} 0\n"));
  EXPECT_THAT(both, HasSubstr("shoal_build_info{version=\"1.0\"} 1\n"));
  figures.by_content.erase(figures.by_content.begin());
  figures.by_content[0].sent_bytes = 8;
  const std::string one = metrics.Render(figures);
  EXPECT_THAT(one, Not(HasSubstr("content=\"aa\"")));
  EXPECT_THAT(one, HasSubstr("shoal_seeder_content_sent_bytes_total{content=\"bb\",name=\"two\"} 8\n"));
}

TEST(ServingMetricsTest, WhatAProgramDoesNotHaveHasNoSeries) {
  ServingMetrics metrics("shoal_seeder", "1.0");
  ServingFigures figures;
  const std::string without = metrics.Render(figures);
  for (const char* name : {"content_bytes", "received_bytes", "hashed_bytes", "unpublished", "left_out"}) {
    EXPECT_THAT(without, Not(HasSubstr(absl::StrCat("shoal_seeder_", name))));
  }
  figures.content_bytes = figures.received_bytes = figures.hashed_bytes = 7;
  figures.unpublished = figures.left_out = 2;
  metrics.Render(figures);
  figures.left_out = 0;
  const std::string with = metrics.Render(figures);
  EXPECT_THAT(with, HasSubstr("\nshoal_seeder_content_bytes 7\n"));
  EXPECT_THAT(with, HasSubstr("\nshoal_seeder_received_bytes_total 7\n"));
  EXPECT_THAT(with, HasSubstr("\nshoal_seeder_hashed_bytes_total 7\n"));
  EXPECT_THAT(with, HasSubstr("\nshoal_seeder_unpublished 2\n"));
  EXPECT_THAT(with, HasSubstr("\nshoal_seeder_left_out 0\n"));
}

TEST(ServingMetricsTest, ContentsBeyondTheBusiestAreSummed) {
  ServingMetrics metrics("shoal_leecher", "1.0");
  ServingFigures figures;
  const size_t count = ServingMetrics::kMaxContents + 3;
  for (size_t i = 0; i < count; ++i) {
    figures.by_content.push_back({.id = absl::StrCat("id", i),
                                  .name = absl::StrCat("name", i),
                                  .sent_bytes = 10 + i,
                                  .bytes_per_second = 1,
                                  .peers = 2});
  }
  const std::string text = metrics.Render(figures);
  for (const char* name : {"sent_bytes_total", "sent_bytes_per_second", "peers"}) {
    EXPECT_EQ(SeriesOf(text, absl::StrCat("shoal_leecher_content_", name)), ServingMetrics::kMaxContents + 1);
  }
  EXPECT_THAT(text, HasSubstr("shoal_leecher_content_sent_bytes_total{content=\"other\",name=\"\"} 33\n"));
  EXPECT_THAT(text,
              HasSubstr("shoal_leecher_content_sent_bytes_per_second{content=\"other\",name=\"\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("shoal_leecher_content_peers{content=\"other\",name=\"\"} 6\n"));
  EXPECT_THAT(text, Not(HasSubstr("content=\"id2\"")));

  // The least busy one becomes the busiest. No counter decreases: it counts for itself from now on.
  figures.by_content[0].sent_bytes += 1000;
  const std::string later = metrics.Render(figures);
  EXPECT_THAT(later, HasSubstr("shoal_leecher_content_sent_bytes_total{content=\"other\",name=\"\"} 33\n"));
  EXPECT_THAT(later,
              HasSubstr("shoal_leecher_content_sent_bytes_total{content=\"id0\",name=\"name0\"} 1000\n"));
  EXPECT_EQ(SeriesOf(later, "shoal_leecher_content_peers"), ServingMetrics::kMaxContents + 1);
}

}  // namespace
}  // namespace shoal::service
