#pragma once

#include <cstdint>

#include "services/tracker/limits/rate_limiter.h"
#include "services/tracker/metrics/listener_metrics.h"
#include "services/tracker/registry/registry.h"
#include "services/tracker/udp/datagram_cookie.h"
#include "services/tracker/udp/datagram_server.h"

namespace shoal::tracker {

// Shoal's own dialect of the UDP door (docs/wire_format.md, "Tracker datagrams"): one request in, at most one
// reply out. A request without a good cookie does nothing; it is answered with a cookie, and only when that
// is not larger than the request. A good cookie with an ill-formed body gets INVALID_ARGUMENT, in no more
// bytes than the request has. What is over its source's rate is dropped in silence. Thread-safe. What it is
// given must outlive it.
class ShoalDatagrams {
 public:
  // `grpc_port` is told to clients for what does not fit into a datagram.
  ShoalDatagrams(Registry* registry, ListenerMetrics* metrics, const DatagramCookies* cookies,
                 RateLimiter* limiter, uint16_t grpc_port)
      : registry_(registry), metrics_(metrics), cookies_(cookies), limiter_(limiter), grpc_port_(grpc_port) {}

  // Writes the reply, if there is one, to the datagram's room (of kMaxDatagramBytes at the least), and says
  // what became of it. `pressed`: who has proven nothing gets nothing.
  Datagram Answer(absl::Duration now, bool pressed, IncomingDatagram* datagram) const;

 private:
  Registry* const registry_;
  ListenerMetrics* const metrics_;
  const DatagramCookies* const cookies_;
  RateLimiter* const limiter_;
  const uint16_t grpc_port_;
};

}  // namespace shoal::tracker
