#include "services/tracker/metrics/listener_metrics.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/tracker/registry/test_requests.h"
#include "shoal/base/manual_clock.h"

namespace shoal::tracker {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(ListenerMetricsTest, CountsCallsAndShowsTheRegistry) {
  ManualClock clock;
  TrackerState state({}, &clock);
  Registry& registry = *state.registry();
  service::Metrics metrics;
  RateLimiter limiter({.per_source_per_second = 1, .per_source_burst = 1, .unproven_per_second = 0}, 1);
  ListenerMetrics listeners(&metrics, &state, &limiter);
  for (int i = 0; i < 3; ++i) limiter.Admit(TestEndpoint(1).ip, clock.Uptime());
  listeners.RecordCall(Call::kLookup, absl::Microseconds(30));
  listeners.RecordCall(Call::kLookup, absl::Microseconds(50));
  listeners.RecordDatagrams(absl::Microseconds(7), 32);
  RegistryLimits limits;
  limits.max_contents = 1;
  registry.SetLimits(limits);
  listeners.CountCall(Listener::kUdp, Call::kLookup, absl::StatusCode::kNotFound);
  listeners.CountCall(Listener::kUdp, Call::kLookup, absl::StatusCode::kNotFound);
  listeners.CountDatagrams(Datagram::kMalformed, 3);
  ASSERT_TRUE(registry.Register(TestSeeder(1, TestContent(1))).ok());
  ASSERT_TRUE(registry.Register(TestRegister(2, TestContent(1), 1)).ok());
  EXPECT_FALSE(registry.Register(TestSeeder(1, TestContent(2))).ok());
  ASSERT_TRUE(registry.Leave(TestLeave(1)).ok());
  limits.max_contents = 100;
  limits.new_contents_burst = 1;
  registry.SetLimits(limits);
  ASSERT_TRUE(registry.Register(TestSeeder(1, TestContent(2)), TestEndpoint(1).ip).ok());
  ASSERT_TRUE(registry.Leave(TestLeave(1)).ok());
  EXPECT_FALSE(registry.Register(TestSeeder(1, TestContent(3)), TestEndpoint(1).ip).ok());
  limits.max_contents = 1;
  registry.SetLimits(limits);
  listeners.Refresh();
  listeners.Refresh();
  const std::string page = metrics.Render();
  EXPECT_THAT(page,
              HasSubstr("shoal_tracker_calls_total{call=\"lookup\",code=\"NOT_FOUND\",listener=\"udp\"} 2"));
  EXPECT_THAT(page, HasSubstr("shoal_tracker_datagrams_total{result=\"malformed\"} 3"));
  EXPECT_THAT(page, HasSubstr("shoal_tracker_peers{kind=\"complete\"} 0"));
  EXPECT_THAT(page, HasSubstr("shoal_tracker_peers{kind=\"partial\"} 1"));
  EXPECT_THAT(page, HasSubstr("shoal_tracker_contents 1"));
  EXPECT_THAT(page, HasSubstr("shoal_tracker_leases_ended_total{how=\"left\"} 2"));
  EXPECT_THAT(page, HasSubstr("shoal_tracker_over_rate_total{rate=\"address\"} 2"));
  EXPECT_THAT(page, HasSubstr("shoal_tracker_limit{limit=\"max-contents\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("shoal_tracker_limit_used{limit=\"max-contents\"} 2\n"));
  EXPECT_THAT(page, Not(HasSubstr("shoal_tracker_limit_used{limit=\"max-peers-per-content\"}")));
  EXPECT_THAT(page, HasSubstr("shoal_tracker_refused_total{limit=\"max-contents\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("shoal_tracker_limit{limit=\"new-contents-per-address\"} 100\n"));
  EXPECT_THAT(page, HasSubstr("shoal_tracker_refused_total{limit=\"new-contents-per-address\"} 1\n"));
  EXPECT_THAT(page, Not(HasSubstr("shoal_tracker_state_file")));
  listeners.SetStateFile(/*usable=*/true, /*peers=*/3);
  EXPECT_THAT(metrics.Render(), HasSubstr("shoal_tracker_state_file_usable 1\n"));
  EXPECT_THAT(metrics.Render(), HasSubstr("shoal_tracker_state_file_peers 3\n"));
  const std::string lookup =
      "shoal_tracker_call_duration_seconds_bucket{call=\"lookup\",listener=\"grpc\",le=";
  EXPECT_THAT(page, HasSubstr(lookup + "\"2.5e-05\"} 0"));
  EXPECT_THAT(page, HasSubstr(lookup + "\"5e-05\"} 2"));
  EXPECT_THAT(page,
              HasSubstr("shoal_tracker_call_duration_seconds_count{call=\"datagram\",listener=\"udp\"} 32"));
  EXPECT_EQ(listeners.grpc_calls(), 2u);
  EXPECT_EQ(listeners.datagrams(), 32u);
}

}  // namespace
}  // namespace shoal::tracker
