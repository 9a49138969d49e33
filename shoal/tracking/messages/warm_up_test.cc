#include "shoal/tracking/messages/warm_up.h"

#include "gtest/gtest.h"

namespace shoal::tracking {
namespace {

TEST(WarmUpTest, AStatusCarriesIt) {
  const absl::Status status = WithWarmUp(absl::NotFoundError("unknown"), absl::Seconds(7));
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(status.message(), "unknown");
  EXPECT_EQ(WarmUpOf(status), absl::Seconds(7));
}

TEST(WarmUpTest, OtherStatusesHaveNone) {
  EXPECT_EQ(WarmUpOf(absl::NotFoundError("unknown")), absl::ZeroDuration());
  EXPECT_EQ(WarmUpOf(absl::OkStatus()), absl::ZeroDuration());
  EXPECT_EQ(WithWarmUp(absl::NotFoundError("x"), absl::ZeroDuration()), absl::NotFoundError("x"));
  EXPECT_TRUE(WithWarmUp(absl::OkStatus(), absl::Seconds(1)).ok());
}

TEST(WarmUpTest, TextIsBounded) {
  EXPECT_EQ(WarmUpFrom("1500"), absl::Milliseconds(1500));
  EXPECT_EQ(WarmUpText(absl::Microseconds(1)), "1");
  EXPECT_EQ(WarmUpFrom("99999999999999"), kMaxWarmUp);
  for (const char* text : {"", "-1", "x", "1.5", "999999999999999999999999"}) {
    EXPECT_EQ(WarmUpFrom(text), absl::ZeroDuration()) << text;
  }
}

}  // namespace
}  // namespace shoal::tracking
