#include "shoal/stream/upload/upload_gate.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "shoal/base/manual_clock.h"

namespace shoal::stream {
namespace {

TEST(UploadGateTest, WakesTheUploaderWhoseTurnHasCome) {
  ManualClock clock;
  UploadGate gate(1, clock);
  int wakes_a = 0;
  int wakes_b = 0;
  const Uploader a = gate.Join([&] { ++wakes_a; });
  const Uploader b = gate.Join([&] { ++wakes_b; });
  EXPECT_TRUE(gate.Ask(a, 1000));
  EXPECT_FALSE(gate.Ask(b, 1000));
  EXPECT_EQ(wakes_b, 0);
  gate.Done(a);
  EXPECT_EQ(wakes_b, 1);
  EXPECT_TRUE(gate.Ask(b, 1000));
  EXPECT_FALSE(gate.Ask(a, 1000));
  gate.Leave(b);
  EXPECT_EQ(wakes_a, 1);
  EXPECT_EQ(wakes_b, 1);
}

TEST(UploadGateTest, LookWakesUploadersBehindAFrozenPeer) {
  ManualClock clock;
  UploadGate gate(1, clock);
  int wakes = 0;
  const Uploader frozen = gate.Join([] {});
  const Uploader waiting = gate.Join([&] { ++wakes; });
  EXPECT_TRUE(gate.Ask(frozen, 1000));
  EXPECT_FALSE(gate.Ask(waiting, 1000));
  gate.Look();
  EXPECT_EQ(wakes, 0);
  clock.Advance(absl::Seconds(30));
  gate.Look();
  EXPECT_EQ(wakes, 1);
}

// Threads that pass many turns among them: each gets its turns, and never more than the bound send at a time.
TEST(UploadGateTest, ThreadsTakeTurns) {
  constexpr int kThreads = 6;
  constexpr int kTurns = 300;
  ManualClock clock;  // stands still, so that no turn counts as slow
  UploadGate gate(2, clock);
  std::atomic<int> turns = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      Mutex mutex;
      CondVar woken;
      bool woke = false;
      const Uploader me = gate.Join([&] {
        MutexLock lock(&mutex);
        woke = true;
        woken.NotifyAll();
      });
      for (int turn = 0; turn < kTurns; ++turn) {
        while (!gate.Ask(me, 1000)) {
          MutexLock lock(&mutex);
          while (!woke) woken.Wait(&mutex);
          woke = false;
        }
        ++turns;
        gate.Done(me);
      }
      // A call that wakes this thread ends before the thread does.
      MutexLock lock(&mutex);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(turns, kThreads * kTurns);
}

}  // namespace
}  // namespace shoal::stream
