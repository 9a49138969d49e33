#include "services/tracker/state/peer_addresses.h"

#include <algorithm>
#include <cstddef>

#include "shoal/net/interface_addresses.h"

namespace shoal::tracker {
namespace {

bool IsV6LinkLocal(const Endpoint& endpoint) {
  return !endpoint.ip.is_v4() && net::IsLinkLocal(endpoint.ip);
}

bool SameSubnet(const IpAddress& a, const IpAddress& b) {
  const ptrdiff_t length = a.is_v4() ? 15 : 8;
  return std::equal(a.bytes().begin(), a.bytes().begin() + length, b.bytes().begin());
}

// How well `endpoint` suits a caller at `source`; more is better.
int Fitness(const IpAddress& source, const Endpoint& endpoint) {
  if (IsV6LinkLocal(endpoint)) return 0;
  if (endpoint.ip.is_v4() != source.is_v4()) return 1;
  return SameSubnet(source, endpoint.ip) ? 3 : 2;
}

}  // namespace

bool PeerAddresses::IsHere(const IpAddress& source) const {
  return source.is_unspecified() || net::IsLoopback(source) || own_.contains(source);
}

IpAddress PeerAddresses::Kept(const IpAddress& source) const {
  if (source.is_unspecified() || !IsHere(source)) return source;
  return source.is_v4() ? IpAddress::V4({127, 0, 0, 1})
                        : IpAddress({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1});
}

void PeerAddresses::Complete(const Caller& caller, tracking::RegisterRequest* request) const {
  const IpAddress kept = Kept(caller.source);
  const auto complete = [&](Endpoint* endpoint) {
    if (endpoint->ip.is_unspecified() || net::IsLoopback(endpoint->ip)) endpoint->ip = kept;
  };
  complete(&request->endpoint);
  std::vector<Endpoint>& others = request->other_endpoints;
  if (others.empty()) return;
  for (Endpoint& other : others) complete(&other);
  std::vector<Endpoint> unique = {request->endpoint};
  for (const Endpoint& other : others) {
    if (!IsV6LinkLocal(other) && std::find(unique.begin(), unique.end(), other) == unique.end())
      unique.push_back(other);
  }
  if (unique.size() > 1 && IsV6LinkLocal(unique[0])) unique.erase(unique.begin());
  if (unique.size() > tracking::kMaxEndpointsPerPeer) unique.resize(tracking::kMaxEndpointsPerPeer);
  request->endpoint = unique[0];
  others.assign(unique.begin() + 1, unique.end());
}

IpAddress PeerAddresses::NameTo(const Caller& caller, const IpAddress& kept) {
  return net::IsLoopback(kept) && !caller.local.is_unspecified() ? caller.local : kept;
}

bool PeerAddresses::DependsOnCaller(const tracking::PeerInfo& peer) {
  return !peer.other_endpoints.empty() || net::IsLoopback(peer.endpoint.ip);
}

void PeerAddresses::NameTo(const Caller& caller, tracking::PeerInfo* peer) {
  peer->endpoint.ip = NameTo(caller, peer->endpoint.ip);
  std::vector<Endpoint>& others = peer->other_endpoints;
  if (others.empty()) return;
  for (Endpoint& other : others) other.ip = NameTo(caller, other.ip);
  std::erase(others, peer->endpoint);
  const auto best = std::max_element(others.begin(), others.end(), [&](const Endpoint& a, const Endpoint& b) {
    return Fitness(caller.source, a) < Fitness(caller.source, b);
  });
  // On the tracker's own machine the address by which the caller reached it is proven to work.
  const bool proven = peer->endpoint.ip == caller.local && !IsV6LinkLocal(peer->endpoint);
  if (best != others.end() && !proven &&
      Fitness(caller.source, *best) > Fitness(caller.source, peer->endpoint)) {
    std::swap(*best, peer->endpoint);
  }
}

void CurrentPeerAddresses::Refresh() {
  auto current = std::make_shared<const PeerAddresses>(read_own_());
  MutexLock lock(&mutex_);
  current_.swap(current);
}

}  // namespace shoal::tracker
