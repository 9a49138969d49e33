#include "shoal/net/interface_addresses.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <tuple>

#include "absl/strings/match.h"
#include "shoal/net/sockaddr.h"

namespace shoal::net {
namespace {

// How the interfaces of container engines and hypervisors are called.
constexpr std::array kBridgePrefixes = {"docker", "br-", "virbr", "veth", "cni", "podman", "lxcbr", "lxdbr"};

}  // namespace

bool IsLoopback(const IpAddress& ip) {
  if (ip.is_v4()) return ip.bytes()[12] == 127;
  constexpr std::array<uint8_t, 16> kLoopback = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  return ip.bytes() == kLoopback;
}

bool IsLinkLocal(const IpAddress& ip) {
  if (ip.is_v4()) return ip.bytes()[12] == 169 && ip.bytes()[13] == 254;
  return ip.bytes()[0] == 0xfe && (ip.bytes()[1] & 0xc0) == 0x80;
}

AddressReach ReachOf(const IpAddress& ip, const std::string& interface) {
  if (IsLoopback(ip)) return AddressReach::kLoopback;
  if (IsLinkLocal(ip)) return AddressReach::kLinkLocal;
  const bool bridge = std::any_of(kBridgePrefixes.begin(), kBridgePrefixes.end(),
                                  [&](const char* prefix) { return absl::StartsWith(interface, prefix); });
  return bridge ? AddressReach::kBridge : AddressReach::kNetwork;
}

std::vector<InterfaceAddress> InterfaceAddresses() {
  std::multimap<std::tuple<AddressReach, bool>, InterfaceAddress>
      ranked;  // equals in the order of the system
  ifaddrs* first = nullptr;
  if (getifaddrs(&first) != 0) return {};
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(first, &freeifaddrs);
  for (const ifaddrs* entry = first; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr || (entry->ifa_flags & IFF_UP) == 0) continue;
    const int family = entry->ifa_addr->sa_family;
    if (family != AF_INET && family != AF_INET6) continue;
    SocketAddress address;
    std::memcpy(&address.storage, entry->ifa_addr,
                family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
    InterfaceAddress added;
    added.ip = FromSocketAddress(address.storage).ip;
    added.interface = entry->ifa_name;
    added.reach = ReachOf(added.ip, added.interface);
    ranked.emplace(std::tuple(added.reach, !added.ip.is_v4()), added);
  }
  std::vector<InterfaceAddress> addresses;
  for (const auto& [rank, address] : ranked) addresses.push_back(address);
  return addresses;
}

}  // namespace shoal::net
