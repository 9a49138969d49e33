#pragma once

#include <functional>
#include <thread>

#include "absl/time/time.h"
#include "shoal/base/mutex.h"

namespace shoal::tracker {

// A thread that does one thing every so often, until it is destroyed.
class PeriodicThread {
 public:
  PeriodicThread(absl::Duration interval, std::function<void()> work);
  ~PeriodicThread();

 private:
  void Run(absl::Duration interval, const std::function<void()>& work);

  Mutex mutex_;
  CondVar stopping_;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace shoal::tracker
