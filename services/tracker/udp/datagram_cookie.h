#pragma once

#include <cstdint>
#include <string>

#include "services/tracker/udp/siphash.h"
#include "shoal/base/clock.h"
#include "shoal/base/endpoint.h"

namespace shoal::tracker {

// The cookies of Shoal's datagrams. A sender that returns a cookie has received one at its source address, so
// the address is not spoofed. A cookie is a keyed hash over address, port and minute, so that the tracker
// stores nothing. It is valid for the minute in which it was made and the next one, and only at trackers with
// the same key. It grants no right but an answer.
//
// Thread safety: immutable. Requires: the clock outlives this.
class DatagramCookies {
 public:
  DatagramCookies(const SipHashKey& key, const Clock* clock) : key_(key), clock_(clock) {}
  // Returns: a key from the system's random device.
  static SipHashKey RandomKey();

  // Returns: kCookieBytes bytes.
  std::string Make(const Endpoint& source) const;
  // Accepts any string. Takes constant time for strings of kCookieBytes, so that timing reveals no cookie.
  bool Check(const Endpoint& source, const std::string& cookie) const;

 private:
  uint64_t Epoch() const;
  std::array<uint8_t, 16> Hash(const Endpoint& source, uint64_t epoch) const;

  const SipHashKey key_;
  const Clock* const clock_;
};

}  // namespace shoal::tracker
