#include "clients/leecher/download/peers/peer_book.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace shoal::leecher {
namespace {

// For the peer to notice, and to withdraw what it can't read.
constexpr absl::Duration kBrokenPause = absl::Seconds(10);

// The part of a peer's words that is shown.
constexpr size_t kMaxShownReason = 200;

uint64_t BitOf(size_t tracker) {
  return uint64_t{1} << (tracker % PeerBook::kMaxTrackers);
}

}  // namespace

std::string DescribeFailures(const std::vector<PeerFailure>& failures, size_t known) {
  if (failures.empty()) return "";
  std::string text = known == 1 ? "the one known peer" : absl::StrCat("the ", known, " known peers");
  for (size_t i = 0; i < failures.size(); ++i) {
    absl::StrAppend(&text, i == 0 ? ": " : "; ", failures[i].endpoint.ToString(), " (",
                    failures[i].why.substr(0, kMaxShownReason), ")");
  }
  if (known > failures.size()) absl::StrAppend(&text, " and ", known - failures.size(), " more");
  const bool all_answered = std::all_of(failures.begin(), failures.end(),
                                        [](const PeerFailure& failure) { return failure.wants_ticket; });
  if (all_answered) return text;
  absl::StrAppend(&text,
                  ". Is a firewall between here and there? A peer that others reach at another address than "
                  "trackers see is started with --advertise=HOST");
  return text;
}

void PeerBook::Seen(const std::vector<tracking::PeerInfo>& peers, size_t tracker, bool whole,
                    absl::Duration now) {
  if (whole) {
    absl::flat_hash_set<PeerId> named;
    for (const tracking::PeerInfo& peer : peers) named.insert(peer.id);
    absl::erase_if(known_, [&](auto& entry) {
      if (!named.contains(entry.first)) entry.second.named_by &= ~BitOf(tracker);
      return entry.second.broken && entry.second.named_by == 0;
    });
  }
  for (const tracking::PeerInfo& peer : peers) Learn(peer, tracker, now);
}

void PeerBook::Learn(const tracking::PeerInfo& peer, size_t tracker, absl::Duration now) {
  if (peer.id == self_ || dropped_.contains(peer.id)) return;
  std::vector<Endpoint> usable;
  const auto use = [&](const Endpoint& endpoint) {
    if (endpoint.port != 0 && !barred_endpoints_.contains(endpoint)) usable.push_back(endpoint);
  };
  use(peer.endpoint);
  for (const Endpoint& endpoint : peer.other_endpoints) use(endpoint);
  if (usable.empty()) return;
  auto found = known_.find(peer.id);
  if (found == known_.end()) {
    if (known_.size() >= kMaxKnown) Forget(now);
    if (known_.size() >= kMaxKnown) return;
    found = known_.try_emplace(peer.id).first;
  }
  Known& known = found->second;
  known.last_seen = now;
  known.named_by |= BitOf(tracker);
  known.trackers.set(tracker % kMaxTrackers);
  for (const Endpoint& endpoint : usable) {
    auto& endpoints = known.endpoints;
    if (std::find(endpoints.begin(), endpoints.end(), endpoint) != endpoints.end()) continue;
    if (endpoints.size() == kMaxEndpoints) endpoints.pop_back();
    endpoints.push_back(endpoint);
  }
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
  known.broken = false;
  ++connected_;
  for (const Endpoint& endpoint : known.endpoints) {
    if (IsFree(endpoint)) known.dialled.push_back(endpoint);
  }
  connected_endpoints_.insert(known.dialled.begin(), known.dialled.end());
  return Call{best->first, known.dialled, known.on_probation, known.failures > 0, known.trackers};
}

void PeerBook::Reached(const PeerId& peer, const Endpoint& endpoint) {
  const auto found = known_.find(peer);
  if (found == known_.end() || !found->second.connected) return;
  Known& known = found->second;
  Release(known);
  known.dialled = {endpoint};
  connected_endpoints_.insert(endpoint);
  // The next time it is tried first, unless the connection fails.
  const auto place = std::find(known.endpoints.begin(), known.endpoints.end(), endpoint);
  if (place != known.endpoints.end()) std::rotate(known.endpoints.begin(), place, place + 1);
}

void PeerBook::Proved(const PeerId& peer) {
  const auto found = known_.find(peer);
  // A chunk that was still being checked when the connection broke says nothing about the next one.
  if (found == known_.end() || !found->second.connected) return;
  found->second.failures = 0;
  found->second.silences = 0;
  found->second.misses = 0;
  found->second.on_probation = false;
  found->second.why.clear();
}

void PeerBook::Ended(const PeerId& peer, absl::Duration now, const std::string& why) {
  Known* known = Disconnect(peer, why);
  if (known == nullptr) return;
  const absl::Duration most = std::min(
      limits_.max_backoff, limits_.first_backoff * (int64_t{1} << std::min<uint32_t>(known->failures, 20)));
  // At random between half and the whole of it, so that a crowd does not come back at one moment.
  known->not_before = now + most * (0.5 + 0.5 * std::uniform_real_distribution<double>()(random_));
  ++known->failures;
}

void PeerBook::Frozen(const PeerId& peer, absl::Duration now, const std::string& why) {
  Ended(peer, now, why);
  if (const auto found = known_.find(peer); found != known_.end()) found->second.on_probation = true;
}

void PeerBook::LeftAlone(const PeerId& peer, absl::Duration now, absl::Duration wait,
                         const std::string& why) {
  Known* known = Disconnect(peer, why);
  if (known == nullptr) return;
  known->not_before = now + wait;
  known->left_alone = true;
}

void PeerBook::Leaving(const PeerId& peer, absl::Duration now, absl::Duration wait, const std::string& why) {
  Known* known = Disconnect(peer, why);
  if (known == nullptr) return;
  known->not_before = now + wait;
  known->named_by = 0;
}

void PeerBook::NotThere(const PeerId& peer, absl::Duration now, absl::Duration wait, const std::string& why) {
  Known* known = Disconnect(peer, why);
  if (known == nullptr) return;
  const bool last_endpoint = ++known->misses % known->endpoints.size() == 0;
  // A peer that withdrew the content may publish it again in a moment.
  const size_t rounds = std::min<size_t>(known->misses / known->endpoints.size(), 20);
  known->not_before =
      now +
      (last_endpoint
           ? std::max(wait, std::min(limits_.max_backoff, limits_.first_backoff * (int64_t{1} << rounds)))
           : limits_.first_backoff);
}

void PeerBook::Broken(const PeerId& peer, absl::Duration now, const std::string& why) {
  Ended(peer, now, why);
  const auto found = known_.find(peer);
  if (found == known_.end()) return;
  found->second.broken = true;
  found->second.not_before = std::max(found->second.not_before, now + kBrokenPause);
}

void PeerBook::WantsTicket(const PeerId& peer, absl::Duration now, const std::string& why) {
  Ended(peer, now, why);
  if (const auto found = known_.find(peer); found != known_.end()) found->second.wants_ticket = true;
}

void PeerBook::IsSelf(const PeerId& peer, const Endpoint& endpoint, absl::Duration now) {
  barred_endpoints_.insert(endpoint);
  Disconnect(peer, "");
  absl::erase_if(known_, [&](auto& entry) {
    if (entry.second.connected) return false;  // its own connection will tell
    std::erase(entry.second.endpoints, endpoint);
    return entry.second.endpoints.empty();
  });
  if (const auto found = known_.find(peer); found != known_.end()) found->second.not_before = now;
}

bool PeerBook::FoundSilent(const PeerId& peer) {
  const auto found = known_.find(peer);
  return found != known_.end() && ++found->second.silences == kDeadAfter;
}

void PeerBook::DropForGood(const PeerId& peer, const Endpoint& endpoint) {
  dropped_.insert(peer);
  barred_endpoints_.insert(endpoint);
  if (Disconnect(peer, "") != nullptr) known_.erase(peer);
}

bool PeerBook::HasSpare(absl::Duration now) const {
  return std::any_of(known_.begin(), known_.end(), [&](const auto& entry) { return Due(entry.second, now); });
}

uint32_t PeerBook::left_alone(absl::Duration now) const {
  return static_cast<uint32_t>(std::count_if(known_.begin(), known_.end(), [&](const auto& entry) {
    return entry.second.left_alone && entry.second.not_before > now;
  }));
}

size_t PeerBook::named() const {
  return static_cast<size_t>(std::count_if(known_.begin(), known_.end(), [](const auto& entry) {
    return entry.second.connected || entry.second.named_by != 0;
  }));
}

uint32_t PeerBook::broken() const {
  return static_cast<uint32_t>(
      std::count_if(known_.begin(), known_.end(), [](const auto& entry) { return entry.second.broken; }));
}

uint32_t PeerBook::wanting_ticket() const {
  return static_cast<uint32_t>(std::count_if(known_.begin(), known_.end(),
                                             [](const auto& entry) { return entry.second.wants_ticket; }));
}

std::vector<PeerFailure> PeerBook::Failures(size_t most) const {
  std::vector<PeerFailure> failures;
  for (const auto& [id, known] : known_) {
    if (!known.why.empty()) failures.push_back({known.failed_at, known.why, known.wants_ticket});
  }
  std::sort(failures.begin(), failures.end(),
            [](const PeerFailure& a, const PeerFailure& b) { return a.endpoint < b.endpoint; });
  if (failures.size() > most) failures.resize(most);
  return failures;
}

bool PeerBook::Due(const Known& peer, absl::Duration now) const {
  return !peer.connected && peer.not_before <= now &&
         std::any_of(peer.endpoints.begin(), peer.endpoints.end(),
                     [this](const Endpoint& endpoint) { return IsFree(endpoint); });
}

void PeerBook::Forget(absl::Duration now) {
  absl::erase_if(known_, [&](const auto& entry) {
    return !entry.second.connected && now - entry.second.last_seen > kForgetAfter;
  });
}

void PeerBook::Release(Known& peer) {
  for (const Endpoint& endpoint : peer.dialled) connected_endpoints_.erase(endpoint);
  peer.dialled.clear();
}

PeerBook::Known* PeerBook::Disconnect(const PeerId& peer, const std::string& why) {
  const auto found = known_.find(peer);
  if (found == known_.end()) return nullptr;
  Known& known = found->second;
  known.failed_at = known.dialled.empty() ? known.endpoints.front() : known.dialled.front();
  if (known.connected) {
    known.connected = false;
    --connected_;
    Release(known);
    std::rotate(known.endpoints.begin(), known.endpoints.begin() + 1, known.endpoints.end());
  }
  known.wants_ticket = false;
  known.why = why;
  return &known;
}

}  // namespace shoal::leecher
