#pragma once

#include <deque>
#include <functional>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "clients/leecher/agent/agent_view.h"
#include "shoal/base/mutex.h"

namespace shoal::leecher {

// Runs what is to be run for each complete content, one at a time in their order, on a thread of its own: a
// command of a person may take hours.
//
// Thread safety: all methods are thread-safe.
class CompletionRunner {
 public:
  // `run` may block; empty: nothing is run, and there is no thread. `on_failure` is called on the thread.
  CompletionRunner(std::function<absl::Status(const AgentDownload& download)> run,
                   std::function<void(const AgentDownload& download, const absl::Status& why)> on_failure);
  // Waits for the one that runs; those that have not begun are dropped.
  ~CompletionRunner();
  CompletionRunner(const CompletionRunner&) = delete;
  CompletionRunner& operator=(const CompletionRunner&) = delete;

  void Add(AgentDownload download);

 private:
  void Run();

  const std::function<absl::Status(const AgentDownload& download)> run_;
  const std::function<void(const AgentDownload& download, const absl::Status& why)> on_failure_;
  Mutex mutex_;
  CondVar changed_;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<AgentDownload> due_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace shoal::leecher
