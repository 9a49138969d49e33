#pragma once

#include "absl/time/time.h"
#include "shoal/base/clock.h"
#include "shoal/base/mutex.h"

namespace shoal {

// A clock that stands still until it is told to go on: for tests and for the simulator. Thread-safe.
class ManualClock final : public Clock {
 public:
  ManualClock() = default;

  absl::Time Now() const override { return absl::FromUnixSeconds(1'700'000'000) + Uptime(); }
  absl::Duration Uptime() const override {
    MutexLock lock(&mutex_);
    return uptime_;
  }

  void Advance(absl::Duration by) {
    MutexLock lock(&mutex_);
    uptime_ += by;
  }

 private:
  mutable Mutex mutex_;
  absl::Duration uptime_ ABSL_GUARDED_BY(mutex_) = absl::Seconds(1000);
};

}  // namespace shoal
