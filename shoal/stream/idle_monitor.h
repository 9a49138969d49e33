#pragma once

#include <algorithm>
#include <cstdint>

#include "absl/time/time.h"

namespace shoal::stream {

// Tells a live connection from a dead one by the change of its byte counters, which the caller samples a few
// times per timeout. It closes and sends nothing itself.
//
// Pure state: the caller passes the time. Thread safety: one thread.
class IdleMonitor {
 public:
  struct Observed {
    uint64_t received_bytes = 0;  // since the start
    uint64_t sent_bytes = 0;
    bool sending = false;  // bytes wait to be taken by the peer
    bool paused = false;   // this end does not read, on purpose
  };
  enum class Verdict {
    kFine,
    kPing,     // send something, so that the peer knows that this end lives
    kIdle,     // the peer sent nothing for the idle timeout
    kStalled,  // the peer took nothing for the stall timeout
  };

  // An infinite timeout never expires.
  IdleMonitor(absl::Duration idle_timeout, absl::Duration stall_timeout, absl::Duration now)
      : idle_timeout_(idle_timeout), stall_timeout_(stall_timeout), received_at_(now), sent_at_(now) {}

  // Returns the time between two calls of Look.
  absl::Duration tick() const {
    return std::max(absl::Milliseconds(1), std::min(idle_timeout_, stall_timeout_) / 6);
  }

  // Returns what to do about the connection. Requires: `now` and the counters never decrease.
  Verdict Look(absl::Duration now, const Observed& observed) {
    if (observed.received_bytes != last_.received_bytes || observed.paused) received_at_ = now;
    if (observed.sent_bytes != last_.sent_bytes) spoke_at_ = now;
    if (observed.sent_bytes != last_.sent_bytes || !observed.sending) sent_at_ = now;
    last_ = observed;
    if (now - sent_at_ >= stall_timeout_) return Verdict::kStalled;
    if (now - received_at_ >= idle_timeout_) return Verdict::kIdle;
    if (now - spoke_at_ >= idle_timeout_ / 3 && !observed.sending) return Verdict::kPing;
    return Verdict::kFine;
  }

 private:
  const absl::Duration idle_timeout_;
  const absl::Duration stall_timeout_;
  Observed last_;
  absl::Duration received_at_;  // the last time that bytes had arrived
  absl::Duration sent_at_;      // the last time that bytes had been taken, or that none were waiting
  absl::Duration spoke_at_ = received_at_;  // the last time that bytes had been sent
};

}  // namespace shoal::stream
