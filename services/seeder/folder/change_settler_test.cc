#include "services/seeder/folder/change_settler.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shoal/base/manual_clock.h"

namespace shoal::seeder {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// One step of a story: the clock advances, then the entries in `changed` change; `due` are those due then.
struct Step {
  absl::Duration advance;
  std::vector<std::string> changed;
  std::vector<std::string> due;
};

struct Story {
  const char* name;
  absl::Duration settle;
  std::vector<Step> steps;
};

const Story kStories[] = {
    {"OneChangeIsDueAfterTheSettleTime",
     absl::Seconds(2),
     {{absl::ZeroDuration(), {"a"}, {}},
      {absl::Milliseconds(1999), {}, {}},
      {absl::Milliseconds(1), {}, {"a"}},
      {absl::Seconds(10), {}, {}}}},
    {"EachChangePostponesIt",
     absl::Seconds(2),
     {{absl::ZeroDuration(), {"a"}, {}},
      {absl::Seconds(1), {"a"}, {}},
      {absl::Seconds(1), {"a"}, {}},
      {absl::Milliseconds(1999), {}, {}},
      {absl::Milliseconds(1), {}, {"a"}}}},
    {"AnEntryThatChangesAllTheTimeIsDueNowAndThen",
     absl::Seconds(2),
     {{absl::ZeroDuration(), {"a"}, {}},
      {absl::Seconds(1), {"a"}, {}},
      {absl::Seconds(1), {"a"}, {}},
      {absl::Seconds(1), {"a"}, {}},
      {absl::Seconds(1), {"a"}, {}},
      {absl::Seconds(1), {"a"}, {}},
      {absl::Seconds(1), {"a"}, {}},
      {absl::Seconds(1), {"a"}, {}},
      {absl::Seconds(1), {"a"}, {"a"}},
      {absl::Seconds(1), {"a"}, {}}}},
    {"EntriesSettleIndependently",
     absl::Seconds(2),
     {{absl::ZeroDuration(), {"a", "b"}, {}},
      {absl::Seconds(1), {"b"}, {}},
      {absl::Seconds(1), {"b"}, {"a"}},
      {absl::Seconds(2), {}, {"b"}}}},
    {"TheEarliestDueComesFirst",
     absl::Seconds(2),
     {{absl::ZeroDuration(), {"z"}, {}},
      {absl::Milliseconds(1), {"m"}, {}},
      {absl::Milliseconds(1), {"a"}, {}},
      {absl::Seconds(9), {}, {"z", "m", "a"}}}},
    {"WithASettleTimeOfZeroAllIsDueAtOnce",
     absl::ZeroDuration(),
     {{absl::ZeroDuration(), {"b", "a"}, {"a", "b"}}, {absl::Seconds(1), {}, {}}}},
    {"AnEntryMayChangeAgainAfterItWasTaken",
     absl::Seconds(2),
     {{absl::ZeroDuration(), {"a"}, {}},
      {absl::Seconds(2), {}, {"a"}},
      {absl::ZeroDuration(), {"a"}, {}},
      {absl::Seconds(2), {}, {"a"}}}},
};

class ChangeSettlerStories : public ::testing::TestWithParam<Story> {};

TEST_P(ChangeSettlerStories, AreDueAsExpected) {
  ManualClock clock;
  ChangeSettler settler(clock, GetParam().settle);
  int number = 0;
  for (const Step& step : GetParam().steps) {
    SCOPED_TRACE(++number);
    clock.Advance(step.advance);
    for (const std::string& entry : step.changed) settler.Changed(entry);
    EXPECT_EQ(settler.TakeDue(), step.due);
  }
}

INSTANTIATE_TEST_SUITE_P(All, ChangeSettlerStories, ::testing::ValuesIn(kStories),
                         [](const auto& story) { return std::string(story.param.name); });

TEST(ChangeSettler, ReturnsTheTimeUntilTheNextIsDue) {
  ManualClock clock;
  ChangeSettler settler(clock, absl::Seconds(2));
  EXPECT_EQ(settler.UntilNextDue(), absl::InfiniteDuration());
  settler.Changed("a");
  clock.Advance(absl::Seconds(1));
  settler.Changed("b");
  EXPECT_EQ(settler.UntilNextDue(), absl::Seconds(1));
  clock.Advance(absl::Seconds(5));
  EXPECT_EQ(settler.UntilNextDue(), absl::ZeroDuration());
  EXPECT_THAT(settler.TakeDue(), ElementsAre("a", "b"));
  EXPECT_EQ(settler.UntilNextDue(), absl::InfiniteDuration());
}

TEST(ChangeSettler, ALaterDueTimeReplacesAnEarlierOne) {
  ManualClock clock;
  ChangeSettler settler(clock, absl::Seconds(2));
  settler.Changed("a");
  settler.DueIn("a", absl::Seconds(30));
  clock.Advance(absl::Seconds(29));
  EXPECT_THAT(settler.TakeDue(), IsEmpty());
  EXPECT_TRUE(settler.IsPending("a"));
  settler.DueIn("a", absl::ZeroDuration());
  EXPECT_THAT(settler.TakeDue(), ElementsAre("a"));
  EXPECT_FALSE(settler.IsPending("a"));
}

}  // namespace
}  // namespace shoal::seeder
