#include "clients/leecher/download/discovery/tracker_poller.h"

#include <gtest/gtest.h>

#include "clients/leecher/download/test_swarm.h"

namespace shoal::leecher {
namespace {

struct IntervalCase {
  const char* what;
  absl::Duration last;
  bool lacking;
  absl::Duration expected;
};

TEST(NextPollInterval, GrowsWhilePeersAreThere) {
  const IntervalCase cases[] = {
      {"at first", absl::Milliseconds(100), true, absl::Milliseconds(200)},
      {"at first, up to the rhythm", absl::Milliseconds(800), false, absl::Seconds(1)},
      {"peers are lacking", absl::Seconds(8), true, absl::Seconds(1)},
      {"the first with peers", absl::Seconds(0.5), false, absl::Seconds(1)},
      {"twice the last", absl::Seconds(2), false, absl::Seconds(4)},
      {"up to a bound", absl::Seconds(8), false, absl::Seconds(10)},
  };
  for (const IntervalCase& test : cases) {
    SCOPED_TRACE(test.what);
    EXPECT_EQ(NextPollInterval(test.last, test.lacking, absl::Seconds(1), absl::Seconds(10)), test.expected);
  }
}

TEST(TrackerPoller, AsksAgainAndAgainUntilItIsStopped) {
  TestTracker tracker;
  Mutex mutex;
  CondVar told;
  int answers = 0;
  TrackerPoller::Options options;
  options.content = std::string("file");
  options.min_interval = absl::Milliseconds(1);
  options.max_interval = absl::Milliseconds(1);
  options.make_client = [&] { return tracker.MakeClient(*tracking::TrackerUrl::Parse("127.0.0.1:1")); };
  options.on_answer = [&](const absl::StatusOr<tracking::LookupResponse>& response) {
    EXPECT_EQ(response.status().code(), absl::StatusCode::kNotFound);
    MutexLock lock(&mutex);
    ++answers;
    told.NotifyAll();
  };
  TrackerPoller poller(options);
  {
    MutexLock lock(&mutex);
    while (answers < 3) told.Wait(&mutex);
  }
  poller.Stop();
  MutexLock lock(&mutex);
  const int at_stop = answers;
  told.WaitFor(&mutex, std::chrono::milliseconds(5));
  EXPECT_EQ(answers, at_stop);
}

TEST(TrackerPoller, LooksAgainSoonWhenPeersAreLacking) {
  TestTracker tracker;
  Mutex mutex;
  CondVar told;
  int answers = 0;
  TrackerPoller::Options options;
  options.content = std::string("file");
  options.min_interval = absl::Milliseconds(1);
  options.max_interval = absl::Hours(1);
  options.make_client = [&] { return tracker.MakeClient(*tracking::TrackerUrl::Parse("127.0.0.1:1")); };
  options.on_answer = [&](const absl::StatusOr<tracking::LookupResponse>&) {
    MutexLock lock(&mutex);
    ++answers;
    told.NotifyAll();
  };
  TrackerPoller poller(options);
  for (int round = 0; round < 5; ++round) {
    poller.SetLacking(false);
    poller.SetLacking(true);
    MutexLock lock(&mutex);
    while (answers < 2 * round) told.Wait(&mutex);
  }
}

}  // namespace
}  // namespace shoal::leecher
