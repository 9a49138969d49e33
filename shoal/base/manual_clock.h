#pragma once

#include "absl/time/time.h"
#include "shoal/base/clock.h"
#include "shoal/base/mutex.h"

namespace shoal {

// A clock that stands still until it is advanced: for tests and for the simulator, in which time passes as
// fast as events are processed. It wakes no thread: code that waits for a real timer does not see it advance.
//
// Thread safety: all methods are thread-safe.
class ManualClock final : public Clock {
 public:
  ManualClock() = default;

  absl::Time Now() const override { return absl::FromUnixSeconds(1'700'000'000) + Uptime(); }
  absl::Duration Uptime() const override {
    MutexLock lock(&mutex_);
    return uptime_;
  }

  // Moves both times forward. Requires: `by` is not negative.
  void Advance(absl::Duration by) {
    MutexLock lock(&mutex_);
    uptime_ += by;
  }

 private:
  mutable Mutex mutex_;
  // Not zero, so that a test which subtracts a timeout from it does not get a negative time.
  absl::Duration uptime_ ABSL_GUARDED_BY(mutex_) = absl::Seconds(1000);
};

}  // namespace shoal
