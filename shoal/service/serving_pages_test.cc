#include "shoal/service/serving_pages.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace shoal::service {
namespace {

using ::testing::HasSubstr;

TEST(ServingPagesTest, HealthReadinessAndMetrics) {
  ServingFigures figures;
  figures.not_ready = "scanning the folder";
  const HttpServer::Routes pages = ServingPages("shoal_seeder", "1.2", [&] { return figures; });
  const auto page = [&](const std::string& path) {
    return pages.at(path).handler({.method = "GET", .path = path, .query = "", .body = ""});
  };
  EXPECT_EQ(page("/healthz").status, 200);
  EXPECT_EQ(page("/readyz").status, 503);
  EXPECT_EQ(page("/readyz").body, "scanning the folder\n");
  EXPECT_THAT(page("/metrics").body, HasSubstr("\nshoal_seeder_ready 0\n"));
  figures.ready = true;
  figures.sent_bytes = 5;
  EXPECT_EQ(page("/readyz").status, 200);
  EXPECT_THAT(page("/metrics").body, HasSubstr("\nshoal_seeder_ready 1\n"));
  EXPECT_THAT(page("/metrics").body, HasSubstr("\nshoal_seeder_sent_bytes_total 5\n"));
  EXPECT_THAT(page("/metrics").body, HasSubstr("shoal_build_info{version=\"1.2\"} 1\n"));
}

}  // namespace
}  // namespace shoal::service
