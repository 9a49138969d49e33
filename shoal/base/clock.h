#pragma once

#include <chrono>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace shoal {

// A source of time. Code that depends on time takes a Clock, so that a test can decide what time it is
// (shoal/base/manual_clock.h).
//
// Thread safety: all methods are thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;

  // Returns the calendar's time, for people and for files. It jumps when the system's clock is set: the
  // difference of two such times must not decide that a peer is dead.
  virtual absl::Time Now() const = 0;

  // Returns the time since an arbitrary origin, which is fixed for the life of the clock. Never goes back.
  // Leases, timeouts and rates are computed with it.
  virtual absl::Duration Uptime() const = 0;

  // Returns the clock of the machine, which is never destroyed.
  static const Clock& Real();
};

inline const Clock& Clock::Real() {
  class RealClock final : public Clock {
   public:
    absl::Time Now() const override { return absl::Now(); }
    absl::Duration Uptime() const override {
      return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
    }
  };
  static const RealClock clock;
  return clock;
}

}  // namespace shoal
