#include "clients/leecher/download/peers/peer_book.h"

#include <algorithm>
#include <utility>

namespace shoal::leecher {
namespace {

constexpr size_t kMaxEndpointsPerPeer = 4;

}  // namespace

void PeerBook::Seen(const tracking::PeerInfo& peer, absl::Duration now) {
  if (peer.id == self_ || peer.endpoint.port == 0) return;
  if (dropped_.contains(peer.id) || dropped_endpoints_.contains(peer.endpoint)) return;
  auto found = known_.find(peer.id);
  if (found == known_.end()) {
    if (known_.size() >= kMaxKnown) Forget(now);
    if (known_.size() >= kMaxKnown) return;
    found = known_.try_emplace(peer.id).first;
  }
  Known& known = found->second;
  known.last_seen = now;
  auto& endpoints = known.endpoints;
  if (std::find(endpoints.begin(), endpoints.end(), peer.endpoint) != endpoints.end()) return;
  if (endpoints.size() == kMaxEndpointsPerPeer) endpoints.pop_back();
  endpoints.push_back(peer.endpoint);
}

std::optional<PeerBook::Call> PeerBook::Next(absl::Duration now) {
  if (connected_ >= limits_.max_connected) return std::nullopt;
  const std::pair<const PeerId, Known>* best = nullptr;
  uint64_t equals = 0;
  for (const auto& entry : known_) {
    if (!Due(entry.second, now)) continue;
    if (best == nullptr || entry.second.failures < best->second.failures) {
      best = &entry;
      equals = 1;
    } else if (entry.second.failures == best->second.failures && random_() % ++equals == 0) {
      best = &entry;
    }
  }
  if (best == nullptr) return std::nullopt;
  Known& known = known_[best->first];
  known.connected = true;
  known.left_alone = false;
  ++connected_;
  connected_endpoints_.insert(known.endpoints.front());
  return Call{best->first, known.endpoints.front(), known.on_probation, known.failures > 0};
}

void PeerBook::Proved(const PeerId& peer) {
  const auto found = known_.find(peer);
  // A chunk that was still being checked when the connection broke says nothing about the next one.
  if (found == known_.end() || !found->second.connected) return;
  found->second.failures = 0;
  found->second.silences = 0;
  found->second.on_probation = false;
}

void PeerBook::Ended(const PeerId& peer, absl::Duration now) {
  Known* known = Disconnect(peer);
  if (known == nullptr) return;
  const absl::Duration most = std::min(
      limits_.max_backoff, limits_.first_backoff * (int64_t{1} << std::min<uint32_t>(known->failures, 20)));
  // At random between half and the whole of it, so that a crowd does not come back at one moment.
  known->not_before = now + most * (0.5 + 0.5 * std::uniform_real_distribution<double>()(random_));
  ++known->failures;
  std::rotate(known->endpoints.begin(), known->endpoints.begin() + 1, known->endpoints.end());
}

void PeerBook::Frozen(const PeerId& peer, absl::Duration now) {
  Ended(peer, now);
  if (const auto found = known_.find(peer); found != known_.end()) found->second.on_probation = true;
}

void PeerBook::LeftAlone(const PeerId& peer, absl::Duration now, absl::Duration wait) {
  Known* known = Disconnect(peer);
  if (known == nullptr) return;
  known->not_before = now + wait;
  known->left_alone = true;
}

bool PeerBook::FoundSilent(const PeerId& peer) {
  const auto found = known_.find(peer);
  return found != known_.end() && ++found->second.silences == kDeadAfter;
}

void PeerBook::DropForGood(const PeerId& peer) {
  dropped_.insert(peer);
  if (const Known* known = Disconnect(peer); known != nullptr) {
    dropped_endpoints_.insert(known->endpoints.begin(), known->endpoints.end());
    known_.erase(peer);
  }
}

bool PeerBook::HasSpare(absl::Duration now) const {
  return std::any_of(known_.begin(), known_.end(), [&](const auto& entry) { return Due(entry.second, now); });
}

uint32_t PeerBook::left_alone(absl::Duration now) const {
  return static_cast<uint32_t>(std::count_if(known_.begin(), known_.end(), [&](const auto& entry) {
    return entry.second.left_alone && entry.second.not_before > now;
  }));
}

bool PeerBook::Due(const Known& peer, absl::Duration now) const {
  return !peer.connected && peer.not_before <= now && !connected_endpoints_.contains(peer.endpoints.front());
}

void PeerBook::Forget(absl::Duration now) {
  absl::erase_if(known_, [&](const auto& entry) {
    return !entry.second.connected && now - entry.second.last_seen > kForgetAfter;
  });
}

PeerBook::Known* PeerBook::Disconnect(const PeerId& peer) {
  const auto found = known_.find(peer);
  if (found == known_.end()) return nullptr;
  if (found->second.connected) {
    found->second.connected = false;
    --connected_;
    connected_endpoints_.erase(found->second.endpoints.front());
  }
  return &found->second;
}

}  // namespace shoal::leecher
