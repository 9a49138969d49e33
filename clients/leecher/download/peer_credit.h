#pragma once

#include <cstdint>

#include "absl/time/time.h"
#include "shoal/base/rate_meter.h"

namespace shoal::leecher {

struct CreditLimits {
  uint32_t start_window = 4;
  uint32_t min_window = 2;
  uint32_t max_window = 64;
  // A window holds what the peer brings in this time, so that it never idles between two of our messages.
  absl::Duration depth = absl::Milliseconds(1500);
  absl::Duration first_silence = absl::Seconds(5);
  absl::Duration min_silence = absl::Seconds(2);
  absl::Duration max_silence = absl::Seconds(15);
};

// How much one peer is trusted with: how many chunks it may owe, and how long it may be silent while it owes
// some.
//
// The window begins small, grows by one with each chunk that arrives (so it doubles each round trip), up to
// what the peer's measured rate fills in `depth`; a slow peer's therefore stays at the minimum. The patience
// with a silent peer follows its own times between chunks, as RFC 6298 does for round trips: smoothed mean
// plus four deviations.
//
// Pure: `now` is Clock::Uptime(). One thread.
class PeerCredit {
 public:
  // `on_probation`: it was silent the last time; it may owe one chunk until it has brought one.
  PeerCredit(const CreditLimits& limits, uint32_t chunk_bytes, bool on_probation, absl::Duration now);

  void Asked(absl::Duration now);                     // for one chunk
  void Progress(absl::Duration now, uint64_t bytes);  // some bytes of one
  void Arrived(absl::Duration now);                   // the last byte of one
  void Withdrawn();                                   // one is not expected any more
  void Overasked();                                   // it refused because it owes too many
  // Time that passed for reasons of our own (no memory to read into, the machine slept) does not count as its
  // silence.
  void Excuse(absl::Duration now) { last_sign_ = now; }

  uint32_t owed() const { return owed_; }
  uint32_t window() const { return window_; }
  double BytesPerSecond(absl::Duration now) { return rate_.BytesPerSecond(now); }
  // When everything that it owes should be here, from now, at its rate; infinite when nothing comes at all.
  absl::Duration TimeToDrain(absl::Duration now);

  // How long it may be silent. `patient`: there is no other source, so wait as long as is allowed at all.
  absl::Duration Patience(bool patient) const;
  // It owes something and has been silent for longer than that.
  bool Frozen(absl::Duration now, bool patient) const;

 private:
  const CreditLimits limits_;
  const uint32_t chunk_bytes_;
  RateMeter rate_;
  uint32_t window_;
  uint32_t owed_ = 0;
  bool timed_ = false;       // smoothed_ and deviation_ hold something
  absl::Duration smoothed_;  // between chunks
  absl::Duration deviation_;
  absl::Duration last_sign_;      // a byte, or the first request after a pause
  absl::Duration service_start_;  // when it could begin with the chunk that comes next
};

}  // namespace shoal::leecher
