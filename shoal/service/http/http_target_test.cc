#include "shoal/service/http/http_target.h"

#include "gtest/gtest.h"

namespace shoal::service {
namespace {

TEST(HttpTargetTest, TakesTargetsApart) {
  const auto target = HttpTarget::Parse("/a%20b/%2e%2E?x=%20&y?z");
  ASSERT_TRUE(target.ok());
  EXPECT_EQ(target->path, "/a b/..");
  EXPECT_EQ(target->query, "x=%20&y?z");
  EXPECT_EQ(HttpTarget::Parse("/")->path, "/");
}

TEST(HttpTargetTest, RefusesMalformedOnes) {
  for (const char* bad : {"", "a", "*", "http://host/", "/%", "/%2", "/%zz", "/%00"}) {
    EXPECT_FALSE(HttpTarget::Parse(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace shoal::service
