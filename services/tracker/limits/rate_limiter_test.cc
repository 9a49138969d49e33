#include "services/tracker/limits/rate_limiter.h"

#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace shoal::tracker {
namespace {

const IpAddress kOne = IpAddress::V4({192, 0, 2, 1});
const IpAddress kOther = IpAddress::V4({192, 0, 2, 2});
constexpr absl::Duration kFirstMoment = absl::Seconds(1000);

RateLimiter::Rates Slow() {
  return {.per_source_per_second = 10, .per_source_burst = 5, .unproven_per_second = 100};
}

int Admitted(RateLimiter& limiter, const IpAddress& source, absl::Duration now, int calls) {
  int admitted = 0;
  for (int i = 0; i < calls; ++i) admitted += limiter.Admit(source, now);
  return admitted;
}

TEST(RateLimiterTest, ASourceGetsItsBurstAndThenItsRate) {
  RateLimiter limiter(Slow(), 1);
  EXPECT_EQ(Admitted(limiter, kOne, kFirstMoment, 100), 5);
  EXPECT_EQ(limiter.refused(), 95u);
  EXPECT_EQ(Admitted(limiter, kOne, kFirstMoment + absl::Milliseconds(99), 100), 0);
  EXPECT_EQ(Admitted(limiter, kOne, kFirstMoment + absl::Milliseconds(101), 100), 1);
  EXPECT_EQ(Admitted(limiter, kOne, kFirstMoment + absl::Milliseconds(301), 100), 2);
  EXPECT_EQ(Admitted(limiter, kOne, kFirstMoment + absl::Hours(1), 100), 5);
}

TEST(RateLimiterTest, SourcesAreChargedSeparately) {
  RateLimiter limiter(Slow(), 1);
  EXPECT_EQ(Admitted(limiter, kOne, kFirstMoment, 100), 5);
  EXPECT_EQ(Admitted(limiter, kOther, kFirstMoment, 100), 5);
}

TEST(RateLimiterTest, AnIpv6SourceIsItsFirst64Bits) {
  RateLimiter limiter(Slow(), 1);
  EXPECT_EQ(Admitted(limiter, *IpAddress::Parse("2001:db8:0:1::1"), kFirstMoment, 100), 5);
  EXPECT_EQ(Admitted(limiter, *IpAddress::Parse("2001:db8:0:1:ffff::2"), kFirstMoment, 100), 0);
  EXPECT_EQ(Admitted(limiter, *IpAddress::Parse("2001:db8:0:2::1"), kFirstMoment, 100), 5);
}

TEST(RateLimiterTest, ALargerCallCostsMore) {
  RateLimiter limiter(Slow(), 1);
  EXPECT_TRUE(limiter.Admit(kOne, kFirstMoment, 4));
  EXPECT_FALSE(limiter.Admit(kOne, kFirstMoment, 2));
  EXPECT_TRUE(limiter.Admit(kOne, kFirstMoment, 1));
}

TEST(RateLimiterTest, LoopbackIsNotLimited) {
  RateLimiter limiter(Slow(), 1);
  EXPECT_EQ(Admitted(limiter, IpAddress::V4({127, 0, 0, 1}), kFirstMoment, 100), 100);
  EXPECT_EQ(Admitted(limiter, *IpAddress::Parse("::1"), kFirstMoment, 100), 100);
}

TEST(RateLimiterTest, UnprovenSourcesShareOneBudget) {
  RateLimiter limiter(Slow(), 1);
  int admitted = 0;
  for (int i = 0; i < 100; ++i) admitted += limiter.AdmitUnproven(kFirstMoment);
  EXPECT_EQ(admitted, 10);
  EXPECT_EQ(limiter.refused_unproven(), 90u);
  EXPECT_TRUE(limiter.AdmitUnproven(kFirstMoment + absl::Milliseconds(11)));
  EXPECT_FALSE(limiter.AdmitUnproven(kFirstMoment + absl::Milliseconds(11)));
}

TEST(RateLimiterTest, NoRateIsNoLimit) {
  RateLimiter limiter({.per_source_per_second = 0, .per_source_burst = 0, .unproven_per_second = 0}, 1);
  EXPECT_EQ(Admitted(limiter, kOne, kFirstMoment, 1000), 1000);
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(limiter.AdmitUnproven(kFirstMoment));
}

TEST(RateLimiterTest, RatesChangeWhileItRuns) {
  RateLimiter limiter(Slow(), 1);
  EXPECT_EQ(Admitted(limiter, kOne, kFirstMoment, 100), 5);
  RateLimiter::Rates faster = Slow();
  faster.per_source_per_second = 1000;
  faster.per_source_burst = 1000;
  limiter.SetRates(faster);
  EXPECT_EQ(limiter.rates(), faster);
  EXPECT_GT(Admitted(limiter, kOne, kFirstMoment, 1000), 0);
}

// A flood of many sources neither grows the table nor locks out later sources.
TEST(RateLimiterTest, AFullTableAdmitsNewSources) {
  RateLimiter limiter(Slow(), 1);
  for (uint32_t i = 0; i < 300'000; ++i) {
    const IpAddress source = IpAddress::V4(
        {10, static_cast<uint8_t>(i >> 16), static_cast<uint8_t>(i >> 8), static_cast<uint8_t>(i)});
    ASSERT_TRUE(limiter.Admit(source, kFirstMoment)) << i;
  }
  EXPECT_TRUE(limiter.Admit(kOne, kFirstMoment));
}

// Half a year later the bits of the time have wrapped around: old entries must not look as if they were
// ahead.
TEST(RateLimiterTest, VeryOldChargesAreForgotten) {
  RateLimiter limiter(Slow(), 1);
  EXPECT_EQ(Admitted(limiter, kOne, kFirstMoment, 100), 5);
  EXPECT_EQ(Admitted(limiter, kOne, kFirstMoment + absl::Hours(24 * 150), 100), 5);
}

TEST(RateLimiterTest, SeveralThreadsGetNoMoreThanOne) {
  RateLimiter limiter({.per_source_per_second = 1, .per_source_burst = 1000, .unproven_per_second = 0}, 1);
  std::atomic<int> admitted = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] { admitted += Admitted(limiter, kOne, kFirstMoment, 1000); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(admitted, 1000);
}

}  // namespace
}  // namespace shoal::tracker
