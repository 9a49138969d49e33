#include "shoal/net/rate_limit.h"

#include <gtest/gtest.h>

#include "shoal/base/manual_clock.h"

namespace shoal::net {
namespace {

double SecondsUntil(RateLimit& limit, RateLimit::Ticket ticket) {
  return absl::ToDoubleSeconds(limit.TimeUntil(ticket));
}

TEST(RateLimitTest, WithoutALimitNothingWaits) {
  RateLimit limit;
  EXPECT_FALSE(limit.limited());
  EXPECT_EQ(limit.TimeUntil(limit.Draw(uint64_t{1} << 50)), absl::ZeroDuration());
}

TEST(RateLimitTest, DrawsArePaidInOrder) {
  ManualClock clock;
  RateLimit limit(1000, clock);
  const RateLimit::Ticket first = limit.Draw(500);
  const RateLimit::Ticket second = limit.Draw(1000);
  EXPECT_NEAR(SecondsUntil(limit, first), 0.5, 1e-6);
  EXPECT_NEAR(SecondsUntil(limit, second), 1.5, 1e-6);
  clock.Advance(absl::Milliseconds(500));
  EXPECT_EQ(limit.TimeUntil(first), absl::ZeroDuration());
  EXPECT_NEAR(SecondsUntil(limit, second), 1.0, 1e-6);
}

TEST(RateLimitTest, AnIdleLimitSavesOnlyASmallBurst) {
  ManualClock clock;
  RateLimit limit(1000, clock);
  clock.Advance(absl::Hours(1));
  EXPECT_NEAR(SecondsUntil(limit, limit.Draw(1000)), 0.95, 1e-6);
}

TEST(RateLimitTest, KeepsTheRateOverAMinute) {
  ManualClock clock;
  RateLimit limit(100'000, clock);
  uint64_t passed = 0;
  for (absl::Duration end = clock.Uptime() + absl::Minutes(1); clock.Uptime() < end;) {
    const RateLimit::Ticket ticket = limit.Draw(limit.StepBytes());
    passed += limit.StepBytes();
    while (limit.TimeUntil(ticket) > absl::ZeroDuration()) clock.Advance(limit.TimeUntil(ticket));
  }
  EXPECT_NEAR(static_cast<double>(passed), 6'000'000, 60'000);
}

TEST(RateLimitTest, AWaitFollowsTheNewRate) {
  ManualClock clock;
  RateLimit limit(1000, clock);
  const RateLimit::Ticket ticket = limit.Draw(10'000);
  EXPECT_NEAR(SecondsUntil(limit, ticket), 10, 1e-6);
  limit.Set(5000);
  EXPECT_NEAR(SecondsUntil(limit, ticket), 2, 1e-6);
  limit.Set(0);
  clock.Advance(absl::Hours(1));
  EXPECT_EQ(limit.TimeUntil(ticket), absl::InfiniteDuration());
  limit.Set(RateLimit::kUnlimited);
  EXPECT_EQ(limit.TimeUntil(ticket), absl::ZeroDuration());
  // Bytes that passed without a limit are not paid for later.
  limit.Draw(uint64_t{1} << 40);
  limit.Set(1000);
  EXPECT_NEAR(SecondsUntil(limit, limit.Draw(1000)), 1, 0.06);
}

struct StepCase {
  uint64_t bytes_per_second;
  size_t step_bytes;
};

TEST(RateLimitTest, StepsFitTheRateAndAreBounded) {
  for (const StepCase& c : {StepCase{0, 2048}, StepCase{10'000, 2048}, StepCase{2'500'000, 50'000},
                            StepCase{10'000'000'000, 1 << 20}}) {
    EXPECT_EQ(RateLimit(c.bytes_per_second).StepBytes(), c.step_bytes) << c.bytes_per_second;
  }
}

}  // namespace
}  // namespace shoal::net
