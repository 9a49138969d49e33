#include "shoal/content/publish/worker_threads.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

namespace shoal {
namespace {

TEST(WorkerThreads, DefaultToOnePerCore) {
  EXPECT_GE(WorkerThreads(0), 1u);
  EXPECT_EQ(WorkerThreads(7), 7u);
}

TEST(RunOnWorkerThreads, RunsTheWorkOnEachThread) {
  std::atomic<int> runs{0};
  EXPECT_TRUE(RunOnWorkerThreads(4, [&](const std::atomic<bool>&) {
                ++runs;
                return absl::OkStatus();
              }).ok());
  EXPECT_EQ(runs, 4);
}

TEST(RunOnWorkerThreads, StopsTheOthersWhenOneFails) {
  std::atomic<int> entered{0};
  const absl::Status status = RunOnWorkerThreads(3, [&](const std::atomic<bool>& stop) -> absl::Status {
    if (++entered == 3) return absl::DataLossError("no");
    while (!stop) std::this_thread::yield();
    return absl::OkStatus();
  });
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
}

TEST(RunOnWorkerThreads, SharesOneLimitBetweenRuns) {
  constexpr unsigned kThreads = 8;
  const unsigned limit = std::max(WorkerThreads(0), kThreads) - 1;
  std::atomic<unsigned> active{0};
  std::atomic<unsigned> most{0};
  std::atomic<unsigned> runs{0};
  const auto count = [&](const std::atomic<bool>&) {
    const unsigned now = ++active;
    for (unsigned seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
    }
    ++runs;
    std::this_thread::yield();
    --active;
    return absl::OkStatus();
  };
  std::vector<std::thread> callers;
  for (unsigned i = 0; i < kThreads; ++i) {
    callers.emplace_back([&] { EXPECT_TRUE(RunOnWorkerThreads(kThreads, count).ok()); });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_GE(runs, kThreads);
  EXPECT_LE(most, kThreads + limit);

  // The threads of ended runs no longer count.
  runs = 0;
  EXPECT_TRUE(RunOnWorkerThreads(kThreads, count).ok());
  EXPECT_EQ(runs, kThreads);
}

}  // namespace
}  // namespace shoal
