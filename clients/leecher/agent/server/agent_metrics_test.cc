#include "clients/leecher/agent/server/agent_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shoal::leecher {
namespace {

using ::testing::HasSubstr;

TEST(AgentMetricsTest, ShowsTheTotals) {
  AgentMetrics metrics;
  AgentTotals totals;
  EXPECT_THAT(metrics.Render(totals), HasSubstr("shoal_agent_downloads{state=\"fetching\"} 0\n"));
  totals.in_state[static_cast<size_t>(AgentDownload::State::kFetching)] = 2;
  totals.in_state[static_cast<size_t>(AgentDownload::State::kVerifying)] = 3;
  totals.paused = 4;
  totals.failures = 5;
  totals.peers = 6;
  totals.disk_used_bytes = 7;
  totals.disk_budget_bytes = 8;
  totals.no_room = 9;
  totals.trackers = {{"grpc://a:1", ""}, {"grpc://b:1", "connection refused"}};
  metrics.Render(totals);
  const std::string text = metrics.Render(totals);
  for (const char* line :
       {"shoal_agent_downloads{state=\"fetching\"} 2\n", "shoal_agent_downloads{state=\"verifying\"} 3\n",
        "shoal_agent_downloads{state=\"paused\"} 4\n", "\nshoal_agent_failures_total 5\n",
        "\nshoal_agent_peers 6\n", "\nshoal_agent_disk_used_bytes 7\n", "\nshoal_agent_disk_budget_bytes 8\n",
        "\nshoal_agent_no_room 9\n", "\nshoal_agent_trackers 2\n", "\nshoal_agent_trackers_away 1\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

}  // namespace
}  // namespace shoal::leecher
