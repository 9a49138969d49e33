#include "shoal/content/publish/worker_threads.h"

#include <gtest/gtest.h>

#include <thread>

namespace shoal {
namespace {

TEST(WorkerThreads, AreOnePerCoreUnlessToldOtherwise) {
  EXPECT_GE(WorkerThreads(0), 1u);
  EXPECT_EQ(WorkerThreads(7), 7u);
}

TEST(RunOnWorkerThreads, RunsTheWorkOnEach) {
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

}  // namespace
}  // namespace shoal
