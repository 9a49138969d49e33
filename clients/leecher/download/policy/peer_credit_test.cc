#include "clients/leecher/download/policy/peer_credit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>

namespace shoal::leecher {
namespace {

constexpr uint32_t kChunk = 512 * 1024;
constexpr absl::Duration kStart = absl::Seconds(1000);

// A peer that always has as much asked of it as it may owe. It begins with a chunk `round_trip` after it was
// asked, and needs `each` to bring it, bit by bit.
PeerCredit After(int chunks, absl::Duration each, uint32_t chunk_bytes = kChunk,
                 absl::Duration round_trip = absl::ZeroDuration()) {
  constexpr int kBits = 16;
  PeerCredit credit(CreditLimits{}, /*on_probation=*/false, kStart);
  absl::Duration now = kStart;
  std::deque<absl::Duration> may_begin;
  for (int i = 0; i < chunks * kBits; ++i) {
    for (; credit.HasRoom(); credit.Asked(now, chunk_bytes)) may_begin.push_back(now + round_trip);
    if (i % kBits == 0) now = std::max(now, may_begin.front());
    now += each / kBits;
    credit.Progress(now, chunk_bytes / kBits);
    if (i % kBits == kBits - 1) {
      may_begin.pop_front();
      credit.Arrived(now);
    }
  }
  return credit;
}

struct WindowCase {
  const char* what;
  int chunks;
  absl::Duration each;
  absl::Duration round_trip;
  double at_least;  // full chunks
  double at_most;
};

TEST(PeerCredit, WindowFollowsRateAndRoundTrip) {
  const WindowCase cases[] = {
      {"at the start", 0, absl::Seconds(1), absl::ZeroDuration(), 0.5, 0.5},
      {"grows by what arrives", 3, absl::Milliseconds(1), absl::Milliseconds(1), 3, 3.5},
      {"fast: as much as is allowed", 200, absl::Milliseconds(1), absl::Milliseconds(1), 64, 64},
      {"100 a second: what comes in 110 ms", 300, absl::Milliseconds(10), absl::Milliseconds(10), 10, 12},
      {"the same, from far away", 300, absl::Milliseconds(10), absl::Milliseconds(300), 50, 64},
      {"slow: the next one just before the last is here", 20, absl::Seconds(2), absl::Milliseconds(1), 0.01,
       0.2},
  };
  for (const WindowCase& test : cases) {
    SCOPED_TRACE(test.what);
    const PeerCredit credit = After(test.chunks, test.each, kChunk, test.round_trip);
    EXPECT_GE(static_cast<double>(credit.window_bytes()), test.at_least * kChunk);
    EXPECT_LE(static_cast<double>(credit.window_bytes()), test.at_most * kChunk);
  }
}

TEST(PeerCredit, CountsBytesWhateverTheChunks) {
  const PeerCredit small = After(64'000, absl::Microseconds(100), kChunk / 64);
  const PeerCredit large = After(1'000, absl::Milliseconds(6.4), kChunk);
  EXPECT_NEAR(static_cast<double>(small.window_bytes()), static_cast<double>(large.window_bytes()), kChunk);
}

TEST(PeerCredit, ArrivingBytesMakeRoom) {
  PeerCredit credit(CreditLimits{}, /*on_probation=*/false, kStart);
  EXPECT_TRUE(credit.HasRoom());
  credit.Asked(kStart, kChunk);
  EXPECT_FALSE(credit.HasRoom());
  credit.Progress(kStart + absl::Milliseconds(10), kChunk / 4 * 3);
  EXPECT_EQ(credit.owed_bytes(), kChunk / 4);
  EXPECT_TRUE(credit.HasRoom());
  credit.Corrected(kChunk / 4, 100);
  EXPECT_EQ(credit.owed_bytes(), 100u);
  credit.Withdrawn(100);
  EXPECT_EQ(credit.owed_bytes(), 0u);
}

TEST(PeerCredit, OnProbationItMayOweOne) {
  PeerCredit credit(CreditLimits{}, /*on_probation=*/true, kStart);
  credit.Asked(kStart, 1024);
  EXPECT_FALSE(credit.HasRoom());
  credit.Progress(kStart + absl::Milliseconds(1), 1024);
  credit.Asked(kStart + absl::Milliseconds(1), 1024);
  EXPECT_TRUE(credit.HasRoom()) << "it has brought one";
}

TEST(PeerCredit, AskingTooMuchHalvesTheWindow) {
  PeerCredit credit = After(200, absl::Milliseconds(1));
  const uint64_t before = credit.window_bytes();
  credit.Overasked();
  EXPECT_EQ(credit.window_bytes(), before / 2);
  for (int i = 0; i < 100; ++i) credit.Overasked();
  EXPECT_EQ(credit.window_bytes(), 1u);
}

TEST(PeerCredit, BelievesAShortRoundTripAtOnceAndALongOneSlowly) {
  PeerCredit credit(CreditLimits{}, false, kStart);
  absl::Duration now = kStart;
  const auto ask = [&](absl::Duration takes) {
    credit.Asked(now, kChunk);
    now += takes;
    credit.Progress(now, kChunk);
    credit.Arrived(now);
  };
  ask(absl::Milliseconds(100));
  EXPECT_EQ(credit.round_trip(), absl::Milliseconds(100));
  ask(absl::Milliseconds(20));
  EXPECT_EQ(credit.round_trip(), absl::Milliseconds(20));
  ask(absl::Milliseconds(100));
  EXPECT_EQ(credit.round_trip(), absl::Milliseconds(25));
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
  PeerCredit credit(CreditLimits{}, false, kStart);
  const absl::Duration late = kStart + absl::Seconds(60);
  EXPECT_FALSE(credit.Frozen(late, false)) << "it owes nothing";
  credit.Asked(late, kChunk);
  EXPECT_FALSE(credit.Frozen(late + absl::Seconds(5), false));
  EXPECT_TRUE(credit.Frozen(late + absl::Seconds(6), false));
  EXPECT_FALSE(credit.Frozen(late + absl::Seconds(6), /*patient=*/true));
  credit.Progress(late + absl::Seconds(6), 1);
  EXPECT_FALSE(credit.Frozen(late + absl::Seconds(7), false)) << "some bytes came";
  credit.Excuse(late + absl::Seconds(30));
  EXPECT_FALSE(credit.Frozen(late + absl::Seconds(31), false)) << "the silence was our own";
  credit.Withdrawn(kChunk);
  EXPECT_FALSE(credit.Frozen(late + absl::Hours(1), false));
}

TEST(PeerCredit, KnowsWhenItWillBringSomething) {
  PeerCredit fresh(CreditLimits{}, false, kStart);
  EXPECT_EQ(fresh.TimeToBring(kChunk, kStart), absl::ZeroDuration()) << "nothing is known against it";
  fresh.Asked(kStart, kChunk);
  EXPECT_EQ(fresh.TimeToBring(kChunk, kStart + absl::Seconds(2)), absl::Seconds(2));

  PeerCredit steady = After(30, absl::Milliseconds(100));  // 10 chunks a second
  EXPECT_NEAR(absl::ToDoubleSeconds(steady.TimeToBring(4 * kChunk, kStart + absl::Seconds(3))), 0.4, 0.05);
}

}  // namespace
}  // namespace shoal::leecher
