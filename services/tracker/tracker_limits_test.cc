#include "services/tracker/tracker_limits.h"

#include <algorithm>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/tracker/metrics/listener_metrics.h"
#include "shoal/base/manual_clock.h"

namespace shoal::tracker {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(TrackerLimitsTest, AFileOverridesTheFlagsThatItNames) {
  TrackerLimits flags;
  flags.registry.max_contents = 7;
  flags.registry.max_leases = 8;
  const auto limits = ParseLimits(
      "# for the night\n\n max-leases = 100 "
      "\nmax-chunk-set-bytes=1GiB\nrate-per-address=0.5\nlog-level=debug\r\n",
      flags);
  ASSERT_TRUE(limits.ok()) << limits.status();
  EXPECT_EQ(limits->registry.max_contents, 7u);
  EXPECT_EQ(limits->registry.max_leases, 100u);
  EXPECT_EQ(limits->registry.max_chunk_set_bytes, 1u << 30);
  EXPECT_EQ(limits->rates.per_source_per_second, 0.5);
  EXPECT_EQ(limits->log_level, service::LogLevel::kDebug);
  EXPECT_EQ(ParseLimits("", flags)->log_level, std::nullopt);
}

TEST(TrackerLimitsTest, ABadLineIsNamed) {
  const struct {
    const char* text;
    const char* error;
  } cases[] = {
      {"max-leases=1\nmax-leases", "line 2: is not of the form name=value"},
      {"max-lease=1", "line 1: max-lease: is no limit of this tracker"},
      {"\n\nmax-leases=-1", "line 3: max-leases: \"-1\" is no whole number"},
      {"max-leases=1e9", "line 1: max-leases: \"1e9\" is no whole number"},
      {"max-watchers=4294967296", "line 1: max-watchers: is too large"},
      {"max-chunk-set-bytes=lots", "line 1: max-chunk-set-bytes: "},
      {"rate-per-address=nan", "line 1: rate-per-address: "},
      {"rate-per-address=-1", "line 1: rate-per-address: "},
      {"log-level=loud", "line 1: log-level: "},
  };
  for (const auto& c : cases) {
    const auto limits = ParseLimits(c.text, TrackerLimits());
    ASSERT_FALSE(limits.ok()) << c.text;
    EXPECT_THAT(std::string(limits.status().message()), StartsWith(c.error));
  }
}

TEST(TrackerLimitsTest, EveryNameCanBeReadAndSet) {
  for (const LimitName& limit : LimitNames()) {
    TrackerLimits limits;
    ASSERT_TRUE(SetLimit(limit.name, "12345", &limits).ok()) << limit.name;
    EXPECT_EQ(LimitText(limit.name, limits), "12345") << limit.name;
  }
}

TEST(TrackerLimitsTest, AMissingFileIsNamed) {
  const auto limits = ReadLimitsFile("/nowhere/limits", TrackerLimits());
  EXPECT_THAT(std::string(limits.status().message()), HasSubstr("/nowhere/limits: can't be read"));
}

// All limits that a file can set for the registry are shown.
TEST(TrackerLimitsTest, TheMetricsShowEveryLimitOfTheState) {
  ManualClock clock;
  TrackerState state({}, &clock);
  const std::vector<LimitUse> uses = LimitUses(state);
  for (const LimitName& limit : LimitNames()) {
    if (absl::string_view(limit.name).substr(0, 4) != "max-") continue;
    const auto found = std::find_if(uses.begin(), uses.end(), [&](const LimitUse& use) {
      return absl::string_view(use.name) == limit.name;
    });
    ASSERT_NE(found, uses.end()) << limit.name;
    EXPECT_EQ(std::to_string(found->limit), LimitText(limit.name, TrackerLimits())) << limit.name;
  }
}

}  // namespace
}  // namespace shoal::tracker
