#include "clients/leecher/agent/completion_runner.h"

#include <utility>

namespace shoal::leecher {

CompletionRunner::CompletionRunner(
    std::function<absl::Status(const AgentDownload& download)> run,
    std::function<void(const AgentDownload& download, const absl::Status& why)> on_failure)
    : run_(std::move(run)), on_failure_(std::move(on_failure)) {
  if (run_ != nullptr) thread_ = std::thread([this] { Run(); });
}

CompletionRunner::~CompletionRunner() {
  {
    MutexLock lock(&mutex_);
    ending_ = true;
    changed_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

void CompletionRunner::Add(AgentDownload download) {
  if (run_ == nullptr) return;
  MutexLock lock(&mutex_);
  due_.push_back(std::move(download));
  changed_.NotifyAll();
}

void CompletionRunner::Run() {
  while (true) {
    AgentDownload download;
    {
      MutexLock lock(&mutex_);
      while (due_.empty() && !ending_) changed_.Wait(&mutex_);
      if (ending_) return;
      download = std::move(due_.front());
      due_.pop_front();
    }
    if (const absl::Status done = run_(download); !done.ok()) on_failure_(download, done);
  }
}

}  // namespace shoal::leecher
