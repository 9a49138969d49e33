#include "services/tracker/door_metrics.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/tracker/test_requests.h"
#include "shoal/base/manual_clock.h"

namespace shoal::tracker {
namespace {

using ::testing::HasSubstr;

TEST(DoorMetricsTest, CountsCallsAndShowsTheRegistry) {
  ManualClock clock;
  Registry registry({}, &clock);
  Metrics metrics;
  DoorMetrics doors(&metrics, &registry);
  doors.CountCall(Door::kUdp, Call::kLookup, absl::StatusCode::kNotFound);
  doors.CountCall(Door::kUdp, Call::kLookup, absl::StatusCode::kNotFound);
  doors.CountDatagrams(Datagram::kMalformed, 3);
  ASSERT_TRUE(registry.Register(TestSeeder(1, TestContent(1))).ok());
  ASSERT_TRUE(registry.Register(TestRegister(2, TestContent(1), 1)).ok());
  registry.Leave({TestPeerId(1), {}});
  doors.Refresh();
  doors.Refresh();
  const std::string page = metrics.Render();
  EXPECT_THAT(page,
              HasSubstr("shoal_tracker_calls_total{call=\"lookup\",code=\"NOT_FOUND\",door=\"udp\"} 2"));
  EXPECT_THAT(page, HasSubstr("shoal_tracker_datagrams_total{result=\"malformed\"} 3"));
  EXPECT_THAT(page, HasSubstr("shoal_tracker_peers{kind=\"complete\"} 0"));
  EXPECT_THAT(page, HasSubstr("shoal_tracker_peers{kind=\"partial\"} 1"));
  EXPECT_THAT(page, HasSubstr("shoal_tracker_contents 1"));
  EXPECT_THAT(page, HasSubstr("shoal_tracker_leases_ended_total{how=\"left\"} 1"));
}

}  // namespace
}  // namespace shoal::tracker
