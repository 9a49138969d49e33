#include "shoal/base/manual_clock.h"

#include <gtest/gtest.h>

namespace shoal {
namespace {

TEST(ManualClock, AdvancesOnlyOnRequest) {
  ManualClock clock;
  const absl::Duration start = clock.Uptime();
  const absl::Time now = clock.Now();
  EXPECT_EQ(clock.Uptime(), start);
  clock.Advance(absl::Seconds(3));
  EXPECT_EQ(clock.Uptime() - start, absl::Seconds(3));
  EXPECT_EQ(clock.Now() - now, absl::Seconds(3));
}

TEST(RealClock, NeverGoesBack) {
  const absl::Duration first = Clock::Real().Uptime();
  EXPECT_GE(Clock::Real().Uptime(), first);
}

}  // namespace
}  // namespace shoal
