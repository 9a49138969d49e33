#pragma once

#include <cstdint>
#include <string>

#include "services/tracker/udp/siphash.h"
#include "shoal/base/clock.h"
#include "shoal/base/endpoint.h"

namespace shoal::tracker {

// Proofs that the sender of a datagram receives what is sent to its address: a keyed hash over address, port
// and minute, so that the tracker stores nothing. A cookie is valid for the minute it was made in and the
// next one, and only with trackers of the same key. Thread-safe. Requires: the clock outlives this.
class DatagramCookies {
 public:
  DatagramCookies(const SipHashKey& key, const Clock* clock) : key_(key), clock_(clock) {}
  static SipHashKey RandomKey();

  std::string Make(const Endpoint& source) const;  // kCookieBytes
  // In constant time.
  bool Check(const Endpoint& source, const std::string& cookie) const;

 private:
  uint64_t Epoch() const;
  std::array<uint8_t, 16> Hash(const Endpoint& source, uint64_t epoch) const;

  const SipHashKey key_;
  const Clock* const clock_;
};

}  // namespace shoal::tracker
