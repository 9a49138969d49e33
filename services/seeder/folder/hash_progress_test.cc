#include "services/seeder/folder/hash_progress.h"

#include <gtest/gtest.h>

#include "shoal/base/manual_clock.h"

namespace shoal::seeder {
namespace {

TEST(HashProgress, ShowsALineEveryFewSecondsWithRateAndTimeLeft) {
  ManualClock clock;
  HashProgress progress(clock, absl::Seconds(5));
  EXPECT_FALSE(progress.Report("a", 0, 1000));
  clock.Advance(absl::Seconds(4));
  EXPECT_FALSE(progress.Report("a", 80, 1000));
  clock.Advance(absl::Seconds(1));
  const auto line = progress.Report("a", 100, 1000);
  ASSERT_TRUE(line);
  EXPECT_DOUBLE_EQ(line->rate_bytes_per_second, 20);
  EXPECT_EQ(line->left, absl::Seconds(45));
  EXPECT_EQ(line->percent, 10);
  clock.Advance(absl::Seconds(4));
  EXPECT_FALSE(progress.Report("a", 200, 1000));
  clock.Advance(absl::Seconds(1));
  EXPECT_TRUE(progress.Report("a", 200, 1000));
}

TEST(HashProgress, HasNoLineForAnEntryThatIsDoneQuickly) {
  ManualClock clock;
  HashProgress progress(clock, absl::Seconds(5));
  for (int i = 0; i < 100; ++i) {
    clock.Advance(absl::Seconds(4));
    EXPECT_FALSE(progress.Report(i % 2 == 0 ? "a" : "b", 10, 1000));
  }
}

TEST(HashProgress, HasNoLineAtTheEnd) {
  ManualClock clock;
  HashProgress progress(clock, absl::Seconds(5));
  EXPECT_FALSE(progress.Report("a", 0, 1000));
  clock.Advance(absl::Seconds(60));
  EXPECT_FALSE(progress.Report("a", 1000, 1000));
}

TEST(HashProgress, StartsAnewWhenAnEntryDoes) {
  ManualClock clock;
  HashProgress progress(clock, absl::Seconds(5));
  EXPECT_FALSE(progress.Report("a", 0, 1000));
  clock.Advance(absl::Seconds(60));
  EXPECT_TRUE(progress.Report("a", 600, 1000));
  EXPECT_FALSE(progress.Report("a", 0, 1000));
  clock.Advance(absl::Seconds(10));
  const auto line = progress.Report("a", 100, 1000);
  ASSERT_TRUE(line);
  EXPECT_DOUBLE_EQ(line->rate_bytes_per_second, 10);
  EXPECT_EQ(progress.hashed_bytes(), 700u);
}

TEST(HashProgress, CountsTheBytesOfAllEntries) {
  const ManualClock clock;
  HashProgress progress(clock, absl::Seconds(5));
  progress.Report("a", 300, 1000);
  progress.Report("a", 1000, 1000);
  progress.Report("b", 5000, 5000);
  EXPECT_EQ(progress.hashed_bytes(), 6000u);
}

TEST(HashProgress, TheRemainingTimeIsInfiniteWhileNothingIsDone) {
  ManualClock clock;
  HashProgress progress(clock, absl::Seconds(5));
  EXPECT_FALSE(progress.Report("a", 0, 1000));
  clock.Advance(absl::Seconds(5));
  const auto line = progress.Report("a", 0, 1000);
  ASSERT_TRUE(line);
  EXPECT_EQ(line->left, absl::InfiniteDuration());
}

}  // namespace
}  // namespace shoal::seeder
