#include "shoal/content/publish/worker_threads.h"

#include <algorithm>
#include <system_error>
#include <thread>
#include <vector>

#include "shoal/base/mutex.h"

namespace shoal {
namespace {

// Threads of all runs of the process, the callers not counted.
std::atomic<unsigned> started_threads{0};

// False when `limit` threads run already.
bool TakeThread(unsigned limit) {
  unsigned started = started_threads.load(std::memory_order_relaxed);
  while (started < limit) {
    if (started_threads.compare_exchange_weak(started, started + 1, std::memory_order_relaxed)) return true;
  }
  return false;
}

void ReturnThread() {
  started_threads.fetch_sub(1, std::memory_order_relaxed);
}

// State shared by the threads of one run.
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
  const unsigned limit = std::max(WorkerThreads(0), threads) - 1;
  std::vector<std::thread> others;
  for (unsigned i = 1; i < threads && TakeThread(limit); ++i) {
    try {
      others.emplace_back([&] {
        outcome.Note(work(outcome.stop()));
        ReturnThread();
      });
    } catch (const std::system_error&) {
      ReturnThread();
      break;  // the process is at its thread limit: fewer threads do the same work
    }
  }
  outcome.Note(work(outcome.stop()));
  for (std::thread& thread : others) thread.join();
  return outcome.first_error();
}

}  // namespace shoal
