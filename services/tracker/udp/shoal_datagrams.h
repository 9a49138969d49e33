#pragma once

#include <cstdint>

#include "services/tracker/access/access_control.h"
#include "services/tracker/limits/rate_limiter.h"
#include "services/tracker/metrics/listener_metrics.h"
#include "services/tracker/registry/registry.h"
#include "services/tracker/state/address_verifier.h"
#include "services/tracker/state/peer_addresses.h"
#include "services/tracker/udp/datagram_cookie.h"
#include "services/tracker/udp/datagram_server.h"

namespace shoal::tracker {

// Shoal's own dialect of the UDP listener (docs/wire_format.md, "Tracker datagrams"): at most one response to
// a request. A request without a valid cookie does nothing; its response is a cookie, sent only if it is no
// larger than the request. A tracker with tokens answers every request with a valid cookie with
// PERMISSION_DENIED, because datagrams are clear text and carry no token. A valid cookie with an ill-formed
// body gets INVALID_ARGUMENT, in no more bytes than the request has. Drops without a response what exceeds
// its source's rate.
//
// Thread safety: thread-safe. Requires: all pointers outlive this.
class ShoalDatagrams {
 public:
  // `grpc_port` is named to clients, for what does not fit into a datagram.
  ShoalDatagrams(Registry* registry, AddressVerifier* verifier, ListenerMetrics* metrics,
                 const DatagramCookies* cookies, RateLimiter* limiter, const AccessControl* access,
                 uint16_t grpc_port)
      : registry_(registry),
        verifier_(verifier),
        metrics_(metrics),
        cookies_(cookies),
        limiter_(limiter),
        access_(access),
        grpc_port_(grpc_port) {}

  // Writes the response, if there is one, to the datagram's room. `overloaded`: unproven sources get none.
  // Requires: the room holds kMaxDatagramBytes. Returns: what became of the datagram.
  Datagram Answer(absl::Duration now, bool overloaded, const PeerAddresses& addresses,
                  IncomingDatagram* datagram) const;

 private:
  Registry* const registry_;
  AddressVerifier* const verifier_;
  ListenerMetrics* const metrics_;
  const DatagramCookies* const cookies_;
  RateLimiter* const limiter_;
  const AccessControl* const access_;
  const uint16_t grpc_port_;
};

}  // namespace shoal::tracker
