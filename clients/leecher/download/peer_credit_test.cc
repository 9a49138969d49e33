#include "clients/leecher/download/peer_credit.h"

#include <gtest/gtest.h>

namespace shoal::leecher {
namespace {

constexpr uint32_t kChunk = 512 * 1024;
constexpr absl::Duration kStart = absl::Seconds(1000);

// A peer that always has its window full and brings one chunk every `each`.
PeerCredit After(int chunks, absl::Duration each, bool on_probation = false) {
  PeerCredit credit(CreditLimits{}, kChunk, on_probation, kStart);
  absl::Duration now = kStart;
  for (int i = 0; i < chunks; ++i) {
    while (credit.owed() < credit.window()) credit.Asked(now);
    now += each;
    credit.Progress(now, kChunk);
    credit.Arrived(now);
  }
  return credit;
}

struct WindowCase {
  const char* what;
  int chunks;
  absl::Duration each;
  uint32_t at_least;
  uint32_t at_most;
};

TEST(PeerCredit, WindowFollowsTheRate) {
  const WindowCase cases[] = {
      {"at the start", 0, absl::Seconds(1), 4, 4},
      {"one more per chunk", 3, absl::Milliseconds(1), 7, 7},
      {"fast: as much as is allowed", 100, absl::Milliseconds(1), 64, 64},
      {"100 chunks a second: more than a second's worth is over the top", 300, absl::Milliseconds(10), 64,
       64},
      {"10 a second: what comes in 1.5 s", 100, absl::Milliseconds(100), 14, 17},
      {"slow: the minimum", 20, absl::Seconds(5), 2, 2},
  };
  for (const WindowCase& test : cases) {
    SCOPED_TRACE(test.what);
    const PeerCredit credit = After(test.chunks, test.each);
    EXPECT_GE(credit.window(), test.at_least);
    EXPECT_LE(credit.window(), test.at_most);
  }
}

TEST(PeerCredit, OnProbationItMayOweOne) {
  EXPECT_EQ(After(0, absl::Seconds(1), /*on_probation=*/true).window(), 1u);
  EXPECT_EQ(After(1, absl::Milliseconds(10), /*on_probation=*/true).window(), 2u);
}

TEST(PeerCredit, AskingTooMuchHalvesTheWindow) {
  PeerCredit credit = After(100, absl::Milliseconds(1));
  credit.Overasked();
  EXPECT_EQ(credit.window(), 32u);
  for (int i = 0; i < 10; ++i) credit.Overasked();
  EXPECT_EQ(credit.window(), 1u);
}

struct PatienceCase {
  const char* what;
  int chunks;
  absl::Duration each;
  absl::Duration expected;
};

TEST(PeerCredit, PatienceFollowsItsOwnTimes) {
  const PatienceCase cases[] = {
      {"unknown yet", 0, absl::Seconds(1), absl::Seconds(5)},
      {"never less than the floor", 50, absl::Milliseconds(1), absl::Seconds(2)},
      {"never more than the ceiling", 3, absl::Seconds(10), absl::Seconds(15)},
  };
  for (const PatienceCase& test : cases) {
    SCOPED_TRACE(test.what);
    EXPECT_EQ(After(test.chunks, test.each).Patience(/*patient=*/false), test.expected);
  }
  // Steady times: little deviation is left, so little more than the time itself.
  const absl::Duration steady = After(50, absl::Seconds(3)).Patience(false);
  EXPECT_GT(steady, absl::Seconds(2.9));
  EXPECT_LT(steady, absl::Seconds(4));
  EXPECT_EQ(After(50, absl::Milliseconds(1)).Patience(/*patient=*/true), absl::Seconds(15));
}

TEST(PeerCredit, IsFrozenOnlyWhenItOwesAndIsSilent) {
  PeerCredit credit(CreditLimits{}, kChunk, false, kStart);
  const absl::Duration late = kStart + absl::Seconds(60);
  EXPECT_FALSE(credit.Frozen(late, false)) << "it owes nothing";
  credit.Asked(late);
  EXPECT_FALSE(credit.Frozen(late + absl::Seconds(5), false));
  EXPECT_TRUE(credit.Frozen(late + absl::Seconds(6), false));
  EXPECT_FALSE(credit.Frozen(late + absl::Seconds(6), /*patient=*/true));
  credit.Progress(late + absl::Seconds(6), 1);
  EXPECT_FALSE(credit.Frozen(late + absl::Seconds(7), false)) << "some bytes came";
  credit.Excuse(late + absl::Seconds(30));
  EXPECT_FALSE(credit.Frozen(late + absl::Seconds(31), false)) << "the silence was our own";
  credit.Withdrawn();
  EXPECT_FALSE(credit.Frozen(late + absl::Hours(1), false));
}

TEST(PeerCredit, KnowsWhenItWillBeDone) {
  PeerCredit fresh(CreditLimits{}, kChunk, false, kStart);
  EXPECT_EQ(fresh.TimeToDrain(kStart), absl::ZeroDuration());
  fresh.Asked(kStart);
  EXPECT_EQ(fresh.TimeToDrain(kStart + absl::Milliseconds(10)), absl::ZeroDuration())
      << "it was only just asked";
  EXPECT_EQ(fresh.TimeToDrain(kStart + absl::Seconds(2)), absl::InfiniteDuration());

  PeerCredit steady = After(30, absl::Milliseconds(100));  // 10 chunks a second
  const uint32_t owed = steady.owed();
  EXPECT_NEAR(absl::ToDoubleSeconds(steady.TimeToDrain(kStart + absl::Seconds(3))), owed / 10.0, owed / 50.0);
}

}  // namespace
}  // namespace shoal::leecher
