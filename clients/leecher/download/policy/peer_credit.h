#pragma once

#include <algorithm>
#include <cstdint>

#include "absl/time/time.h"
#include "shoal/base/rate_meter.h"

namespace shoal::leecher {

struct CreditLimits {
  // How many bytes a peer may owe before it has sent any (at least one chunk), and at most.
  uint64_t start_bytes = 256 * 1024;
  uint64_t max_bytes = 32 * 1024 * 1024;
  // How many chunks it may owe, however small: no more than its request queue holds.
  uint32_t max_chunks = 4096;
  // A window covers twice the round trip (so that it can grow while the window is the bottleneck) plus this
  // much, for delays at either end.
  absl::Duration margin = absl::Milliseconds(100);
  // The longest round trip that counts: a longer one is time in a queue, and more requests would not shorten
  // it.
  absl::Duration max_round_trip = absl::Milliseconds(750);
  absl::Duration first_silence = absl::Seconds(5);
  absl::Duration min_silence = absl::Seconds(2);
  absl::Duration max_silence = absl::Seconds(15);
};

// The request window of one peer: how many bytes may be in flight from it, and how long it may be silent
// meanwhile. A peer "owes" the bytes that were requested from it and have not arrived. (The credits of
// stream::RequestAny are something else: see PeerDebt.)
//
// The window starts small and grows with the bytes that arrive (so it doubles each round trip), up to what
// the peer's measured rate fills in two round trips: enough that it never idles between two of our messages,
// and no more, because chunks that are requested from one peer wait for that one. Counting bytes makes small
// chunks as fast as large ones. The round trip is the time from a request, sent while nothing was owed, to
// the first byte; shorter samples are adopted at once, longer ones slowly. The timeout for a silent peer
// follows its own times between chunks, as RFC 6298 does for round trips: smoothed mean plus four deviations.
//
// Pure: `now` is Clock::Uptime(). One thread.
class PeerCredit {
 public:
  // `on_probation`: it was silent the last time; it may owe one chunk until it has sent one.
  PeerCredit(const CreditLimits& limits, bool on_probation, absl::Duration now);

  void Asked(absl::Duration now, uint64_t bytes);
  void Progress(absl::Duration now, uint64_t bytes);  // some of what it owes
  void Arrived(absl::Duration now);                   // the last byte of a chunk
  void Withdrawn(uint64_t bytes);                     // no longer expected
  // A chunk that was requested as `from` bytes turns out to be `to` bytes long.
  void Corrected(uint64_t from, uint64_t to) { owed_bytes_ = owed_bytes_ - std::min(owed_bytes_, from) + to; }
  void Overasked();  // it refused because too much was requested
  // Time that passed for local reasons (no memory to read into, the machine slept) does not count as silence.
  void Excuse(absl::Duration now) { last_sign_ = now; }

  uint64_t owed_bytes() const { return owed_bytes_; }
  uint64_t window_bytes() const { return window_bytes_; }
  // Returns whether one more chunk may be requested from it.
  bool HasRoom() const { return owed_bytes_ < window_bytes_; }

  double BytesPerSecond(absl::Duration now) { return rate_.BytesPerSecond(now); }
  // Returns the expected time until the last of `bytes` arrives, if the peer starts now. For a peer that sent
  // nothing in the last seconds: the time that it is late already, if it owes anything; otherwise its round
  // trip.
  absl::Duration TimeToBring(uint64_t bytes, absl::Duration now);
  absl::Duration round_trip() const { return round_trip_; }

  // How long it may be silent. `patient`: there is no other source, so wait as long as is allowed at all.
  absl::Duration Patience(bool patient) const;
  // Returns whether it owes something and has been silent for longer than that.
  bool Frozen(absl::Duration now, bool patient) const;

 private:
  void NoteRoundTrip(absl::Duration sample);
  void NoteTimeBetween(absl::Duration took);

  CreditLimits limits_;
  RateMeter rate_;
  uint64_t window_bytes_;
  uint64_t owed_bytes_ = 0;
  bool awaits_first_byte_ = false;  // after a request on an idle link
  absl::Duration round_trip_;       // zero: unknown
  bool timed_ = false;              // smoothed_ and deviation_ hold something
  absl::Duration smoothed_;         // between chunks
  absl::Duration deviation_;
  absl::Duration last_sign_;      // a byte, or the first request after a pause
  absl::Duration service_start_;  // when it could begin with the chunk that comes next
};

}  // namespace shoal::leecher
