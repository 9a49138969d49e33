#pragma once

#include <memory>
#include <vector>

#include "absl/time/time.h"
#include "shoal/base/endpoint.h"
#include "shoal/net/event_loop.h"
#include "shoal/net/transport/transport.h"

namespace shoal::net {

struct DialTiming {
  // From one attempt to the next, unless an attempt fails earlier (RFC 8305, "Connection Attempt Delay").
  absl::Duration stagger = absl::Milliseconds(250);
  // From the first attempt until those that are still under way count as failed.
  absl::Duration timeout = absl::InfiniteDuration();
};

// Makes a transport to a peer that may be reached at one of several endpoints, of which some may lead
// nowhere. Open() tries them in the given order, one soon after the other without waiting for an answer. The
// first one that connects becomes the transport, and the others are closed; remote() is its endpoint from
// then on, and the first of `endpoints` before.
//
// Errors of Open(): UNAVAILABLE when all attempts failed, with the reason of each. Requires: `endpoints` is
// not empty. Bound to `loop`, as every transport; `transports` makes the attempts and must outlive it.
std::unique_ptr<Transport> DialFirst(EventLoop& loop, const TransportFactory& transports,
                                     std::vector<Endpoint> endpoints, const DialTiming& timing = {});

// The same endpoints with IPv6 and IPv4 in turns, beginning with the family of the first, so that a family
// that leads nowhere costs one stagger. The order within a family is kept.
std::vector<Endpoint> AlternateFamilies(const std::vector<Endpoint>& endpoints);

}  // namespace shoal::net
