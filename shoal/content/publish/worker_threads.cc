#include "shoal/content/publish/worker_threads.h"

#include <system_error>
#include <thread>
#include <vector>

#include "shoal/base/mutex.h"

namespace shoal {
namespace {

// What the threads of one run have in common.
class Outcome {
 public:
  void Note(const absl::Status& status) {
    if (status.ok()) return;
    MutexLock lock(&mutex_);
    if (first_error_.ok()) first_error_ = status;
    stop_.store(true, std::memory_order_relaxed);
  }
  const std::atomic<bool>& stop() const { return stop_; }
  absl::Status first_error() {
    MutexLock lock(&mutex_);
    return first_error_;
  }

 private:
  std::atomic<bool> stop_{false};
  Mutex mutex_;
  absl::Status first_error_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

unsigned WorkerThreads(unsigned wanted) {
  if (wanted != 0) return wanted;
  const unsigned cores = std::thread::hardware_concurrency();
  return cores == 0 ? 1 : cores;
}

absl::Status RunOnWorkerThreads(unsigned threads,
                                const std::function<absl::Status(const std::atomic<bool>& stop)>& work) {
  Outcome outcome;
  std::vector<std::thread> others;
  for (unsigned i = 1; i < threads; ++i) {
    try {
      others.emplace_back([&] { outcome.Note(work(outcome.stop())); });
    } catch (const std::system_error&) {
      break;  // the process has no more threads to give: fewer do the same work
    }
  }
  outcome.Note(work(outcome.stop()));
  for (std::thread& thread : others) thread.join();
  return outcome.first_error();
}

}  // namespace shoal
