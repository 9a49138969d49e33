#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "absl/time/time.h"
#include "shoal/base/clock.h"
#include "shoal/base/mutex.h"

namespace shoal::net {

// A rate limit in bytes per second that several connections share: a token bucket that may go into debt. A
// user draws first, then waits until its debt is paid, so that users proceed in the order of their draws.
// Without a limit (the default) it costs one atomic load. It counts the bytes that are passed to it: those of
// the chunk stream, without the headers of TCP and IP.
//
// Thread safety: thread-safe; may be changed while it is used; the new rate holds for calls that wait.
// `clock` must outlive it.
class RateLimit {
 public:
  static constexpr uint64_t kUnlimited = std::numeric_limits<uint64_t>::max();

  explicit RateLimit(uint64_t bytes_per_second = kUnlimited, const Clock& clock = Clock::Real());

  // 0: nothing passes.
  void Set(uint64_t bytes_per_second);
  uint64_t bytes_per_second() const { return bytes_per_second_.load(std::memory_order_relaxed); }
  bool limited() const { return bytes_per_second() != kUnlimited; }

  // The most to move at once, so that the rate is even and a change takes effect soon.
  size_t StepBytes() const;

  // A position in the sequence of all bytes that were drawn.
  using Ticket = uint64_t;
  // Counts `bytes` that have passed or are about to.
  Ticket Draw(uint64_t bytes);
  // Returns the time until the bytes up to `ticket` are paid for; zero if they are, infinite while the rate
  // is 0. A later call may return less, for example after Set, so a caller must not sleep longer than
  // kLookAgain before it calls again.
  absl::Duration TimeUntil(Ticket ticket);

  static constexpr absl::Duration kLookAgain = absl::Milliseconds(100);

 private:
  void Advance() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Clock& clock_;
  std::atomic<uint64_t> bytes_per_second_;
  Mutex mutex_;
  uint64_t drawn_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  double paid_bytes_ ABSL_GUARDED_BY(mutex_) = 0;  // at most a burst ahead of drawn_bytes_
  absl::Duration paid_at_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace shoal::net
