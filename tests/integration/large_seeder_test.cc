#include <algorithm>
#include <cstdint>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "gtest/gtest.h"
#include "services/tracker/registry/registry.h"
#include "services/tracker/registry/test_requests.h"
#include "shoal/base/manual_clock.h"
#include "shoal/tracking/announce/announce_schedule.h"

// The schedule of an announcer and the budget of new contents of a tracker, which fit together.
namespace shoal::tracker {
namespace {

using tracking::AnnounceSchedule;

// A seeder with more contents than its budget has them all registered in the end, as fast as its budget
// grows, and loses none of its leases meanwhile.
TEST(LargeSeederTest, IsRegisteredByItself) {
  constexpr uint32_t kContents = 400;
  constexpr double kBurst = 100;
  constexpr double kPerSecond = 2;
  const IpAddress source = IpAddress::V4({192, 0, 2, 1});
  Registry::Options options;
  options.limits.new_contents_burst = kBurst;
  options.limits.new_contents_per_second = kPerSecond;
  ManualClock clock;
  Registry registry(options, &clock);
  AnnounceSchedule schedule(/*seed=*/1, /*contents_per_register=*/25);
  absl::flat_hash_map<ContentId, uint32_t> numbers;
  for (uint32_t content = 1; content <= kContents; ++content) {
    numbers[TestContentId(content)] = content;
    schedule.Offer(TestContentId(content));
  }
  const absl::Duration began = clock.Uptime();
  const auto passed = [&] { return clock.Uptime() - began; };
  while (!schedule.all_registered() && passed() < absl::Hours(1)) {
    const AnnounceSchedule::Action action = schedule.Next(clock.Uptime());
    if (const auto* due = std::get_if<AnnounceSchedule::Register>(&action)) {
      std::vector<absl::StatusOr<tracking::RegisterResponse>> responses;
      for (const ContentId& content : due->contents)
        responses.push_back(registry.Register(TestSeeder(1, TestContent(numbers[content])), source));
      for (const AnnounceSchedule::Verdict verdict : schedule.OnRegister(responses, clock.Uptime()))
        ASSERT_NE(verdict, AnnounceSchedule::Verdict::kRejected);
    } else if (const auto* beat = std::get_if<AnnounceSchedule::Heartbeat>(&action)) {
      std::vector<tracking::LeaseId> leases;
      for (const auto& [content, lease] : beat->leases) leases.push_back(lease);
      schedule.OnHeartbeat(registry.Heartbeat(TestHeartbeat(1, leases), source), clock.Uptime());
    } else {
      const auto* wait = std::get_if<AnnounceSchedule::Wait>(&action);
      ASSERT_NE(wait, nullptr);
      clock.Advance(std::max(wait->until - clock.Uptime(), absl::Milliseconds(1)));
      registry.Advance();
    }
    ASSERT_TRUE(schedule.reachable().ok());
  }
  EXPECT_TRUE(schedule.all_registered());
  EXPECT_EQ(registry.stats().complete_peers, kContents);
  EXPECT_EQ(registry.stats().lapsed_leases, 0u);
  const absl::Duration earned = absl::Seconds((kContents - kBurst) / kPerSecond);
  EXPECT_GE(passed(), earned - absl::Seconds(1));
  EXPECT_LE(passed(), earned + registry.heartbeat_interval());
}

}  // namespace
}  // namespace shoal::tracker
