#include <string>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "tests/sim/scenario.h"
#include "tests/sim/swarm.h"
#include "tests/sim/swarm_report.h"

namespace shoal::sim {
namespace {

SwarmReport RunOf(const Scenario& scenario) {
  return Swarm(scenario).Run();
}

TEST(SwarmSimTest, NearsTheBoundWith32EqualLeechers) {
  const SwarmReport report = RunOf(Scenario{.leechers = 32});
  EXPECT_EQ(report.finished, 32u);
  EXPECT_LE(report.LastRatio(), 1.15) << report.ToString();
  EXPECT_LE(report.seeder_copies, 1.15) << report.ToString();
}

TEST(SwarmSimTest, RepeatsItselfToTheLastEvent) {
  const Scenario scenario{.random_seed = 7, .leechers = 8, .chunk_count = 64};
  const SwarmReport once = RunOf(scenario);
  const SwarmReport again = RunOf(scenario);
  EXPECT_EQ(once.events, again.events);
  EXPECT_EQ(once.last, again.last);
  EXPECT_NE(once.last, RunOf(Scenario{.random_seed = 8, .leechers = 8, .chunk_count = 64}).last);
}

}  // namespace
}  // namespace shoal::sim
