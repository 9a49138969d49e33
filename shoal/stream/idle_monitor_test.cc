#include "shoal/stream/idle_monitor.h"

#include <gtest/gtest.h>

namespace shoal::stream {
namespace {

using Verdict = IdleMonitor::Verdict;

constexpr absl::Duration kStart = absl::Seconds(1000);

IdleMonitor::Observed Seen(uint64_t received, uint64_t sent, bool sending = false, bool paused = false) {
  return {received, sent, sending, paused};
}

TEST(IdleMonitorTest, PingsAThirdOfTheTimeoutAfterTheLastByte) {
  IdleMonitor monitor(absl::Seconds(60), absl::Seconds(30), kStart);
  EXPECT_EQ(monitor.Look(kStart + absl::Seconds(19), Seen(1, 0)), Verdict::kFine);
  EXPECT_EQ(monitor.Look(kStart + absl::Seconds(20), Seen(2, 0)), Verdict::kPing);
  EXPECT_EQ(monitor.Look(kStart + absl::Seconds(25), Seen(3, 16)), Verdict::kFine);
  EXPECT_EQ(monitor.Look(kStart + absl::Seconds(45), Seen(4, 16)), Verdict::kPing);
}

TEST(IdleMonitorTest, ASilentPeerIsIdle) {
  IdleMonitor monitor(absl::Seconds(60), absl::Seconds(30), kStart);
  EXPECT_EQ(monitor.Look(kStart + absl::Seconds(10), Seen(5, 1)), Verdict::kFine);
  EXPECT_EQ(monitor.Look(kStart + absl::Seconds(69), Seen(5, 2)), Verdict::kFine);
  // Bytes sent by this end say nothing about the peer.
  EXPECT_EQ(monitor.Look(kStart + absl::Seconds(70), Seen(5, 3)), Verdict::kIdle);
}

TEST(IdleMonitorTest, APauseHereDoesNotCountAgainstThePeer) {
  IdleMonitor monitor(absl::Seconds(60), absl::Seconds(30), kStart);
  EXPECT_EQ(monitor.Look(kStart + absl::Seconds(100), Seen(0, 1, false, true)), Verdict::kFine);
  EXPECT_EQ(monitor.Look(kStart + absl::Seconds(159), Seen(0, 2)), Verdict::kFine);
  EXPECT_EQ(monitor.Look(kStart + absl::Seconds(160), Seen(0, 3)), Verdict::kIdle);
}

TEST(IdleMonitorTest, APeerThatTakesNoBytesIsStalled) {
  IdleMonitor monitor(absl::Seconds(60), absl::Seconds(30), kStart);
  EXPECT_EQ(monitor.Look(kStart + absl::Seconds(100), Seen(1, 1)), Verdict::kFine);
  EXPECT_EQ(monitor.Look(kStart + absl::Seconds(129), Seen(2, 1, true)), Verdict::kFine);
  EXPECT_EQ(monitor.Look(kStart + absl::Seconds(130), Seen(3, 1, true)), Verdict::kStalled);
}

TEST(IdleMonitorTest, ASlowPeerIsNotStalled) {
  IdleMonitor monitor(absl::Seconds(60), absl::Seconds(30), kStart);
  for (int i = 1; i < 100; ++i) {
    EXPECT_EQ(monitor.Look(kStart + i * absl::Seconds(29), Seen(i, i, true)), Verdict::kFine);
  }
}

TEST(IdleMonitorTest, InfiniteTimeoutsNeverExpire) {
  IdleMonitor monitor(absl::InfiniteDuration(), absl::InfiniteDuration(), kStart);
  EXPECT_EQ(monitor.Look(kStart + absl::Hours(1'000'000), Seen(0, 0, true)), Verdict::kFine);
  EXPECT_GT(monitor.tick(), absl::Hours(1));
}

}  // namespace
}  // namespace shoal::stream
