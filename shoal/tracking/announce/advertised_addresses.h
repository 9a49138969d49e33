#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "shoal/base/endpoint.h"
#include "shoal/net/interface_addresses.h"

namespace shoal::tracking {

// The addresses under which a peer registers with its trackers, and a warning if no other machine can use
// them.
struct AdvertisedAddresses {
  // At least one, at most kMaxEndpointsPerPeer; the first is tried first. An unspecified address means the
  // one at which a tracker sees the peer.
  std::vector<Endpoint> endpoints;
  // What is wrong and which flag changes it, for the operator. Empty: nothing.
  std::string warning;
};

// Parses the value of --advertise: HOST or HOST:PORT, several of them separated by commas. IPv6 addresses may
// stand in brackets. Port 0: the one on which the peer listens. Errors: INVALID_ARGUMENT that names the
// entry.
absl::StatusOr<std::vector<HostPort>> ParseAdvertised(absl::string_view text);

// Resolves the hosts, each to all of its addresses, at most kMaxEndpointsPerPeer together. Blocks on the
// system's resolver. Errors: those of ResolveHost.
absl::StatusOr<std::vector<Endpoint>> ResolveAdvertised(const std::vector<HostPort>& hosts);

// The surroundings of this process, which decide what others can reach.
struct LocalNetwork {
  std::vector<net::InterfaceAddress> interfaces;
  bool in_container = false;
};
LocalNetwork ReadLocalNetwork();

// Chooses the addresses to advertise. `advertise` wins if it is not empty; its ports 0 become the port of
// `listen`. Otherwise a peer that listens on one address advertises that one; a peer that listens on all
// leaves the first address to the tracker, and adds those of its interfaces: networks first, bridges of
// containers last, link-local ones only if there is nothing else, and never loopback.
//
// Requires: listen.port is the port on which the peer listens. Pure.
AdvertisedAddresses ChooseAdvertised(const std::vector<Endpoint>& advertise, const Endpoint& listen,
                                     const LocalNetwork& network);

}  // namespace shoal::tracking
