#include "shoal/base/rate_meter.h"

#include <gtest/gtest.h>

namespace shoal {
namespace {

constexpr absl::Duration kStart = absl::Seconds(1000);

TEST(RateMeter, IsZeroWithoutBytes) {
  RateMeter meter(kStart);
  EXPECT_EQ(meter.BytesPerSecond(kStart), 0);
  EXPECT_EQ(meter.BytesPerSecond(kStart + absl::Hours(1)), 0);
}

TEST(RateMeter, DividesByItsAgeBeforeTheWindowIsFull) {
  RateMeter meter(kStart);
  meter.Add(kStart, 1000);
  EXPECT_DOUBLE_EQ(meter.BytesPerSecond(kStart), 10'000);  // one bucket is the shortest span
  EXPECT_DOUBLE_EQ(meter.BytesPerSecond(kStart + absl::Seconds(1)), 1000);
}

TEST(RateMeter, DropsBytesOlderThanItsWindow) {
  RateMeter meter(kStart);
  meter.Add(kStart, 9000);
  meter.Add(kStart + absl::Seconds(2), 3000);
  EXPECT_DOUBLE_EQ(meter.BytesPerSecond(kStart + absl::Milliseconds(2900)), 12'000 / 2.9);
  EXPECT_DOUBLE_EQ(meter.BytesPerSecond(kStart + absl::Seconds(4)), 1000);
  EXPECT_EQ(meter.BytesPerSecond(kStart + absl::Seconds(6)), 0);
}

TEST(RateMeter, ReportsASteadyRate) {
  RateMeter meter(kStart);
  absl::Duration now = kStart;
  for (int i = 0; i < 1000; ++i) {
    now += absl::Milliseconds(10);
    meter.Add(now, 500);
  }
  EXPECT_NEAR(meter.BytesPerSecond(now), 50'000, 2'000);
}

}  // namespace
}  // namespace shoal
