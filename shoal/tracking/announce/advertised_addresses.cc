#include "shoal/tracking/announce/advertised_addresses.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "shoal/base/status_macros.h"
#include "shoal/tracking/messages/messages.h"

namespace shoal::tracking {
namespace {

bool IsV6LinkLocal(const IpAddress& ip) {
  return !ip.is_v4() && net::IsLinkLocal(ip);
}

// No address of one machine: multicast, and the broadcast of IPv4.
bool IsOfMany(const IpAddress& ip) {
  return ip.is_v4() ? ip.bytes()[12] >= 224 : ip.bytes()[0] == 0xff;
}

// The networks from which container engines give addresses by default: 172.16.0.0/12 (Docker) and
// 10.88.0.0/16 (Podman).
bool IsContainerNetwork(const IpAddress& ip) {
  if (!ip.is_v4()) return false;
  const auto& bytes = ip.bytes();
  return (bytes[12] == 172 && (bytes[13] & 0xf0) == 16) || (bytes[12] == 10 && bytes[13] == 88);
}

std::string AdviceFor(uint16_t port) {
  return absl::StrCat("--advertise=HOST or --advertise=HOST:PORT, for example --advertise=files.example:",
                      port);
}

void AddUnlessKnown(const Endpoint& endpoint, std::vector<Endpoint>* to) {
  if (to->size() < kMaxEndpointsPerPeer && std::find(to->begin(), to->end(), endpoint) == to->end())
    to->push_back(endpoint);
}

std::string WarningFor(const LocalNetwork& network, uint16_t port) {
  const auto count = [&](net::AddressReach reach) {
    return std::count_if(network.interfaces.begin(), network.interfaces.end(),
                         [&](const net::InterfaceAddress& address) { return address.reach == reach; });
  };
  const auto networks = count(net::AddressReach::kNetwork);
  if (networks == 0) {
    return absl::StrCat("this machine has no address that other machines can reach",
                        count(net::AddressReach::kLinkLocal) > 0 ? " (only link-local ones)" : "",
                        ", so that only peers on this machine can fetch from it; connect it to a network, or "
                        "set ",
                        AdviceFor(port));
  }
  if (!network.in_container) return "";
  const auto inside = std::count_if(
      network.interfaces.begin(), network.interfaces.end(), [](const net::InterfaceAddress& address) {
        return address.reach == net::AddressReach::kNetwork && IsContainerNetwork(address.ip);
      });
  if (inside < networks) return "";
  return absl::StrCat("this process runs in a container, and peers outside of it can't reach ",
                      network.interfaces.front().ip.ToString(), "; for them, publish port ", port,
                      " (docker run -p ", port, ":", port, ") and set ", AdviceFor(port));
}

}  // namespace

absl::StatusOr<std::vector<HostPort>> ParseAdvertised(absl::string_view text) {
  std::vector<HostPort> hosts;
  for (absl::string_view entry : absl::StrSplit(text, ',')) {
    entry = absl::StripAsciiWhitespace(entry);
    if (entry.empty()) return absl::InvalidArgumentError("an entry is empty; write HOST or HOST:PORT");
    const bool bare_v6 = IpAddress::Parse(entry).ok();
    const bool bracketed = entry.front() == '[' && entry.back() == ']';
    if (bare_v6 || bracketed || !absl::StrContains(entry, ':')) {
      if (bracketed) entry = entry.substr(1, entry.size() - 2);
      if (bracketed && !IpAddress::Parse(entry).ok()) {
        return absl::InvalidArgumentError(absl::StrCat("\"", entry, "\" is no IPv6 address"));
      }
      hosts.push_back({std::string(entry), 0});
      continue;
    }
    SHOAL_ASSIGN_OR_RETURN(hosts.emplace_back(), HostPort::Parse(entry));
    if (hosts.back().port == 0) {
      return absl::InvalidArgumentError(absl::StrCat("\"", entry, "\": port 0 is no port to connect to"));
    }
  }
  if (hosts.size() > kMaxEndpointsPerPeer) {
    return absl::InvalidArgumentError(
        absl::StrCat("has ", hosts.size(), " addresses, the most is ", kMaxEndpointsPerPeer));
  }
  return hosts;
}

absl::StatusOr<std::vector<Endpoint>> ResolveAdvertised(const std::vector<HostPort>& hosts) {
  std::vector<Endpoint> endpoints;
  for (const HostPort& host : hosts) {
    SHOAL_ASSIGN_OR_RETURN(const std::vector<IpAddress> addresses, ResolveHost(host.host));
    for (const IpAddress& ip : addresses) AddUnlessKnown({ip, host.port}, &endpoints);
  }
  return endpoints;
}

LocalNetwork ReadLocalNetwork() {
  // The files that Docker and Podman put into their containers, and the variable that systemd-nspawn sets.
  const bool in_container = access("/.dockerenv", F_OK) == 0 || access("/run/.containerenv", F_OK) == 0 ||
                            std::getenv("container") != nullptr;
  return {net::InterfaceAddresses(), in_container};
}

AdvertisedAddresses ChooseAdvertised(const std::vector<Endpoint>& advertise, const Endpoint& listen,
                                     const LocalNetwork& network) {
  AdvertisedAddresses chosen;
  if (!advertise.empty()) {
    bool useful = false;
    for (const Endpoint& endpoint : advertise) {
      AddUnlessKnown({endpoint.ip, endpoint.port == 0 ? listen.port : endpoint.port}, &chosen.endpoints);
      const bool reaches_none = endpoint.ip.is_unspecified() || net::IsLoopback(endpoint.ip) ||
                                IsV6LinkLocal(endpoint.ip) || IsOfMany(endpoint.ip);
      useful = useful || !reaches_none;
    }
    if (!useful) {
      chosen.warning = absl::StrCat("other machines can't reach ", chosen.endpoints[0].ToString(),
                                    ", which --advertise names; set ", AdviceFor(listen.port));
    }
    return chosen;
  }
  if (!listen.ip.is_unspecified()) {
    chosen.endpoints = {listen};
    if (net::IsLoopback(listen.ip)) {
      chosen.warning = absl::StrCat("other machines can't reach ", listen.ToString(),
                                    ", on which this peer listens; set --listen=0.0.0.0:", listen.port);
    }
    return chosen;
  }
  chosen.endpoints = {Endpoint{IpAddress(), listen.port}};
  const bool link_local_only =
      std::none_of(network.interfaces.begin(), network.interfaces.end(),
                   [](const auto& address) { return address.reach < net::AddressReach::kLinkLocal; });
  for (const net::InterfaceAddress& address : network.interfaces) {
    if (address.reach == net::AddressReach::kLoopback) continue;
    if (address.reach == net::AddressReach::kLinkLocal && (!link_local_only || !address.ip.is_v4())) continue;
    AddUnlessKnown({address.ip, listen.port}, &chosen.endpoints);
  }
  chosen.warning = WarningFor(network, listen.port);
  return chosen;
}

}  // namespace shoal::tracking
