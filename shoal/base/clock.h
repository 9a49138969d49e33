#pragma once

#include "absl/time/time.h"

namespace shoal {

// Where time comes from, so that a test can be the one who says what time it is. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;

  // The calendar's time, for people and for files. Jumps when the clock is set: never subtract two of
  // these to decide that a peer is dead.
  virtual absl::Time Now() const = 0;

  // Time since an arbitrary origin that is fixed for the life of the clock; never goes back. Leases, timeouts
  // and rates are computed with this one.
  virtual absl::Duration Uptime() const = 0;

  // The machine's clock. Lives forever.
  static const Clock& Real();
};

}  // namespace shoal
