#pragma once

#include <cstdint>

#include "absl/time/time.h"
#include "services/tracker/udp/siphash.h"
#include "shoal/base/endpoint.h"

namespace shoal::tracker {

// The connection ids of BEP 15: a client receives one at its address, and sends it back as proof of that
// address. A keyed hash over the address and an epoch of two minutes, so that the tracker stores nothing. An
// id is valid in its own epoch and the next one: for two to four minutes, where the protocol asks for two.
// The port is not hashed, because clients use one id for all their sockets and address translators change
// ports. Thread-safe.
//
//    63  62              1      0
//   | 1 | of the hash     | epoch's parity |
//
// The highest bit keeps an id from looking like the first bytes of another protocol that shares the port. The
// lowest selects which of two epochs to check, so that a check takes one hash.
class ConnectionIds {
 public:
  explicit ConnectionIds(const SipHashKey& key) : key_(key) {}

  // `now`: since any beginning that is the same in all calls.
  uint64_t Make(const IpAddress& source, absl::Duration now) const;
  bool Check(const IpAddress& source, absl::Duration now, uint64_t id) const;

 private:
  uint64_t OfEpoch(const IpAddress& source, uint64_t epoch) const;

  const SipHashKey key_;
};

}  // namespace shoal::tracker
