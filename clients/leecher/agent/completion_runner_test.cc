#include "clients/leecher/agent/completion_runner.h"

#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shoal::leecher {
namespace {

using ::testing::ElementsAre;

AgentDownload Named(const std::string& name) {
  AgentDownload download;
  download.saved.name = name;
  return download;
}

// What was run, and what failed, in their order. Thread-safe.
class Log {
 public:
  void Add(const std::string& line) {
    MutexLock lock(&mutex_);
    lines_.push_back(line);
    changed_.NotifyAll();
  }
  std::vector<std::string> Await(size_t count) {
    MutexLock lock(&mutex_);
    while (lines_.size() < count) changed_.Wait(&mutex_);
    return lines_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::vector<std::string> lines_ ABSL_GUARDED_BY(mutex_);
};

TEST(CompletionRunner, RunsOneAfterTheOtherAndSaysWhatFails) {
  Log log;
  CompletionRunner runner(
      [&](const AgentDownload& download) {
        log.Add(download.saved.name);
        return download.saved.name == "b" ? absl::AbortedError("exit code 3") : absl::OkStatus();
      },
      [&](const AgentDownload& download, const absl::Status& why) {
        log.Add(download.saved.name + ": " + std::string(why.message()));
      });
  for (const char* name : {"a", "b", "c"}) runner.Add(Named(name));
  EXPECT_THAT(log.Await(4), ElementsAre("a", "b", "b: exit code 3", "c"));
}

TEST(CompletionRunner, WithoutACommandNothingHappens) {
  CompletionRunner runner(nullptr, nullptr);
  runner.Add(Named("a"));
}

}  // namespace
}  // namespace shoal::leecher
