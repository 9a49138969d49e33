#include "clients/leecher/download/policy/joint_window.h"

#include <gtest/gtest.h>

namespace shoal::leecher {
namespace {

constexpr uint32_t kChunk = 512 * 1024;
constexpr uint64_t kMany = 1'000 * uint64_t{kChunk};
constexpr absl::Duration kStep = absl::Milliseconds(10);

class JointWindowTest : public testing::Test {
 protected:
  // So much arrives per second for so long, with the window full if that is said, and so many chunks owed.
  void Arrive(double chunks_per_second, absl::Duration time, bool full = true, uint64_t owed = 1000) {
    for (const absl::Duration end = now_ + time; now_ < end; now_ += kStep) {
      window_.Add(now_, static_cast<uint64_t>(chunks_per_second * kChunk * absl::ToDoubleSeconds(kStep)));
      if (!full) continue;
      window_.HasRoom(now_, owed * kChunk);
    }
  }
  // In chunks.
  double Window() {
    double chunks = 0;
    while (window_.HasRoom(now_, static_cast<uint64_t>(chunks * kChunk))) chunks += 0.125;
    return chunks;
  }

  JointWindow window_{kChunk, kMany};
  absl::Duration now_ = absl::Seconds(100);
};

TEST_F(JointWindowTest, BeginsWithTwoChunks) {
  EXPECT_EQ(Window(), 2);
}

TEST_F(JointWindowTest, StaysSmallWhileTheLinkIsBusy) {
  Arrive(14, absl::Seconds(30));
  EXPECT_EQ(Window(), 2);
}

TEST_F(JointWindowTest, HoldsAtLeastWhatTheLinkCarriesInATenthOfASecond) {
  Arrive(200, absl::Seconds(3));
  EXPECT_NEAR(Window(), 20, 1);
}

TEST_F(JointWindowTest, GrowsWhenLessArrivesThanTheLinkCarries) {
  Arrive(14, absl::Seconds(3), /*full=*/false);
  Arrive(5, absl::Seconds(2));
  EXPECT_GT(Window(), 3);
  Arrive(5, absl::Seconds(2));
  EXPECT_GT(Window(), 10);
}

TEST_F(JointWindowTest, DoesNotGrowForWantOfRequests) {
  Arrive(14, absl::Seconds(3), /*full=*/false);
  Arrive(5, absl::Seconds(5), /*full=*/false);
  EXPECT_EQ(Window(), 2);
}

TEST_F(JointWindowTest, ShrinksWhenAsMuchArrivesAgain) {
  Arrive(14, absl::Seconds(3));
  Arrive(5, absl::Seconds(4));
  const double before = Window();
  Arrive(14, absl::Seconds(3));
  EXPECT_LT(Window(), before);
  Arrive(14, absl::Seconds(30));
  EXPECT_EQ(Window(), 2);
}

// As when the machine is busy: more that is owed would not bring more.
TEST_F(JointWindowTest, ADipLetsItGrowLittleIfLittleWasEnoughBefore) {
  Arrive(14, absl::Seconds(3), /*full=*/true, /*owed=*/4);
  Arrive(10, absl::Seconds(5));
  EXPECT_GT(Window(), 5);
  EXPECT_LT(Window(), 7);
}

TEST_F(JointWindowTest, FarLessLetsItGrowAllTheSame) {
  Arrive(14, absl::Seconds(3), /*full=*/true, /*owed=*/4);
  Arrive(5, absl::Seconds(5));
  EXPECT_GT(Window(), 12);
}

TEST_F(JointWindowTest, WhatTheLinkCarriedLongAgoDoesNotCount) {
  Arrive(100, absl::Seconds(3));
  Arrive(5, absl::Seconds(15));
  Arrive(5, absl::Seconds(30));
  EXPECT_EQ(Window(), 2);
}

TEST_F(JointWindowTest, APauseOfAnyLengthIsNoRate) {
  Arrive(14, absl::Seconds(3));
  now_ += absl::Hours(1000);
  EXPECT_EQ(Window(), 2);
  Arrive(14, absl::Seconds(3));
  EXPECT_EQ(Window(), 2);
}

TEST_F(JointWindowTest, NeverExceedsTheMaximum) {
  JointWindow bounded(kChunk, 4 * uint64_t{kChunk});
  for (int i = 0; i < 1000; ++i, now_ += kStep) {
    bounded.Add(now_, i < 300 ? kChunk : kChunk / 8);
    EXPECT_FALSE(bounded.HasRoom(now_, 4 * uint64_t{kChunk}));
  }
}

}  // namespace
}  // namespace shoal::leecher
