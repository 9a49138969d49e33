#include "services/tracker/periodic_thread.h"

#include <utility>

namespace shoal::tracker {

PeriodicThread::PeriodicThread(absl::Duration interval, std::function<void()> work)
    : thread_([this, interval, work = std::move(work)] { Run(interval, work); }) {}

PeriodicThread::~PeriodicThread() {
  {
    MutexLock lock(&mutex_);
    stop_ = true;
  }
  stopping_.NotifyAll();
  thread_.join();
}

void PeriodicThread::Run(absl::Duration interval, const std::function<void()>& work) {
  for (;;) {
    {
      MutexLock lock(&mutex_);
      if (!stop_) stopping_.WaitFor(&mutex_, absl::ToChronoMilliseconds(interval));
      if (stop_) return;
    }
    work();
  }
}

}  // namespace shoal::tracker
