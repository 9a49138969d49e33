#pragma once

#include <cstdint>

#include "absl/time/time.h"
#include "services/tracker/udp/siphash.h"
#include "shoal/base/endpoint.h"

namespace shoal::tracker {

// The connection ids of BEP 15: what a client got at its address, and sends back to show that it is there. A
// keyed hash over the address and an epoch of two minutes, so that the tracker remembers nothing. An id is
// good in its own epoch and in the next one: for two to four minutes, where the protocol asks for two. The
// port is not in it, because clients keep one id for all their sockets and translators of addresses change
// ports. Thread-safe.
//
//    63  62              1      0
//   | 1 | of the hash     | epoch's parity |
//
// The highest bit keeps an id from looking like the first bytes of another protocol that shares the port; the
// lowest says which of two epochs to check against, so that a check takes one hash.
class ConnectionIds {
 public:
  explicit ConnectionIds(const SipHashKey& key) : key_(key) {}

  // `now`: since any beginning, the same in all calls.
  uint64_t Make(const IpAddress& source, absl::Duration now) const;
  bool Check(const IpAddress& source, absl::Duration now, uint64_t id) const;

 private:
  uint64_t OfEpoch(const IpAddress& source, uint64_t epoch) const;

  const SipHashKey key_;
};

}  // namespace shoal::tracker
