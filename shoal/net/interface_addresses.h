#pragma once

#include <string>
#include <vector>

#include "shoal/base/endpoint.h"

namespace shoal::net {

// How far an address of an interface reaches, the farthest first.
enum class AddressReach {
  kNetwork,    // other machines, at least those of the same network
  kBridge,     // containers and virtual machines of this machine: docker0, virbr0 and the like
  kLinkLocal,  // 169.254.0.0/16 and fe80::/10; the latter need a scope, which IpAddress does not have
  kLoopback,   // this machine
};

struct InterfaceAddress {
  IpAddress ip;
  std::string interface;  // "eth0"
  AddressReach reach = AddressReach::kNetwork;
};

// Whether `ip` is in 127.0.0.0/8, or is ::1.
bool IsLoopback(const IpAddress& ip);
// Whether `ip` is in 169.254.0.0/16 or fe80::/10.
bool IsLinkLocal(const IpAddress& ip);
// How far `ip` reaches when it is configured on the interface of this name.
AddressReach ReachOf(const IpAddress& ip, const std::string& interface);

// Returns: the addresses of the interfaces of this machine (of its network namespace) that are up, those that
// reach farthest first, and IPv4 before IPv6 among equals; otherwise in the system's order. Empty when the
// system does not tell. Takes some tens of microseconds.
//
// Thread safety: thread-safe.
std::vector<InterfaceAddress> InterfaceAddresses();

}  // namespace shoal::net
