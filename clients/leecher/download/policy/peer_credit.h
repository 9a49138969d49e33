#pragma once

#include <algorithm>
#include <cstdint>

#include "absl/time/time.h"
#include "shoal/base/rate_meter.h"

namespace shoal::leecher {

struct CreditLimits {
  // How many bytes a peer may owe before it has brought any (at least one chunk), and ever.
  uint64_t start_bytes = 256 * 1024;
  uint64_t max_bytes = 32 * 1024 * 1024;
  // What it may owe in chunks, however small they are: no more than it would take.
  uint32_t max_chunks = 4096;
  // A window holds what the peer brings in twice its round trip (so that it can grow
  // while it is the window that holds the peer back) and this much more, for delays at either end.
  absl::Duration margin = absl::Milliseconds(100);
  // What counts of a round trip at most: a longer one is a line that is waited in, and more requests would
  // not shorten it.
  absl::Duration max_round_trip = absl::Milliseconds(750);
  absl::Duration first_silence = absl::Seconds(5);
  absl::Duration min_silence = absl::Seconds(2);
  absl::Duration max_silence = absl::Seconds(15);
};

// How much one peer is trusted with: how many bytes it may owe, and how long it may be silent while it owes
// some.
//
// The window begins small, grows with the bytes that arrive (so it doubles each round trip), up to what the
// peer's measured rate fills in two round trips: enough that it never idles between two of our messages, and
// no more, since what is asked of one peer waits for that one. Counting bytes makes small chunks move as fast
// as large ones. The round trip is the time from a request, sent while nothing was owed, to the first byte;
// shorter ones are believed at once, longer ones slowly. The patience with a silent peer follows its own
// times between chunks, as RFC 6298 does for round trips: smoothed mean plus four deviations.
//
// Pure: `now` is Clock::Uptime(). One thread.
class PeerCredit {
 public:
  // `on_probation`: it was silent the last time; it may owe one chunk until it has brought one.
  PeerCredit(const CreditLimits& limits, bool on_probation, absl::Duration now);

  void Asked(absl::Duration now, uint64_t bytes);
  void Progress(absl::Duration now, uint64_t bytes);  // some of what it owes
  void Arrived(absl::Duration now);                   // the last byte of a chunk
  void Withdrawn(uint64_t bytes);                     // they are not expected any more
  // What it was asked for as `from` bytes turns out to be `to` bytes long.
  void Corrected(uint64_t from, uint64_t to) { owed_bytes_ = owed_bytes_ - std::min(owed_bytes_, from) + to; }
  void Overasked();  // it refused because it owes too much
  // Time that passed for reasons of our own (no memory to read into, the machine slept) does not count as its
  // silence.
  void Excuse(absl::Duration now) { last_sign_ = now; }

  uint64_t owed_bytes() const { return owed_bytes_; }
  uint64_t window_bytes() const { return window_bytes_; }
  // It may be asked for one chunk more.
  bool HasRoom() const { return owed_bytes_ < window_bytes_; }

  double BytesPerSecond(absl::Duration now) { return rate_.BytesPerSecond(now); }
  // When the last of `bytes` should be here that it begins with now. For one that brought nothing in the last
  // seconds: as late again as it is already, if it owes anything; otherwise its round trip.
  absl::Duration TimeToBring(uint64_t bytes, absl::Duration now);
  absl::Duration round_trip() const { return round_trip_; }

  // How long it may be silent. `patient`: there is no other source, so wait as long as is allowed at all.
  absl::Duration Patience(bool patient) const;
  // It owes something and has been silent for longer than that.
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
