#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/time/time.h"
#include "shoal/base/endpoint.h"
#include "shoal/content/manifest/ids.h"
#include "shoal/tracking/messages/messages.h"

namespace shoal::leecher {

// The known peers of a content, and which one to dial next. It learns peers from lookups, remembers which
// ones failed and how long their backoff lasts, and which ones sent wrong bytes and are never dialled again.
// It opens no connection itself.
//
// Bounded: at most kMaxKnown peers; one that is not connected and that no lookup has returned for
// kForgetAfter is forgotten. Pure: `now` is Clock::Uptime(). One thread.
class PeerBook {
 public:
  static constexpr size_t kMaxKnown = 2000;
  static constexpr absl::Duration kForgetAfter = absl::Minutes(10);
  static constexpr uint32_t kDeadAfter = 3;

  struct Limits {
    uint32_t max_connected = 32;
    absl::Duration first_backoff = absl::Seconds(1);
    absl::Duration max_backoff = absl::Minutes(1);
  };
  // The peer to dial. `on_probation`: it was silent the last time.
  struct Call {
    PeerId peer;
    Endpoint endpoint;
    bool on_probation = false;
    bool failed_before = false;
  };

  PeerBook(PeerId self, const Limits& limits, uint64_t seed) : self_(self), limits_(limits), random_(seed) {}

  // A lookup returned this peer. Ignores this process itself, peers without a port, and dropped ones.
  void Seen(const tracking::PeerInfo& peer, absl::Duration now);
  // Returns the next peer to dial, which counts as connected from now on; none at the limit of connections,
  // or if no peer is due. Peers that never failed come first; ties are broken at random.
  std::optional<Call> Next(absl::Duration now);
  // The peer sent a valid chunk and is still connected: its failures are cleared.
  void Proved(const PeerId& peer);

  // The connection is over. Ended: it failed; the backoff doubles with each consecutive failure. Frozen: as
  // Ended, and the peer returns on probation. LeftAlone: no failure, but not dialled before `wait` has
  // passed.
  void Ended(const PeerId& peer, absl::Duration now);
  void Frozen(const PeerId& peer, absl::Duration now);
  void LeftAlone(const PeerId& peer, absl::Duration now, absl::Duration wait);
  // The peer was unreachable, or froze. Returns true, once, when that happened kDeadAfter times since it last
  // proved good: it is to be reported once.
  bool FoundSilent(const PeerId& peer);
  // Never dials the peer again, neither under this id nor at its endpoints.
  void DropForGood(const PeerId& peer);

  uint32_t connected() const { return connected_; }
  size_t known() const { return known_.size(); }
  bool is_dropped(const PeerId& peer) const { return dropped_.contains(peer); }
  uint32_t dropped() const { return static_cast<uint32_t>(dropped_.size()); }
  // A peer could be dialled right now if there were room.
  bool HasSpare(absl::Duration now) const;
  // Peers that asked to be left alone for now.
  uint32_t left_alone(absl::Duration now) const;

 private:
  struct Known {
    std::vector<Endpoint> endpoints;  // the first is dialled next
    absl::Duration last_seen;
    absl::Duration not_before;
    uint32_t failures = 0;
    uint32_t silences = 0;
    bool connected = false;
    bool on_probation = false;
    bool left_alone = false;
  };

  bool Due(const Known& peer, absl::Duration now) const;
  void Forget(absl::Duration now);
  Known* Disconnect(const PeerId& peer);

  const PeerId self_;
  const Limits limits_;
  std::mt19937_64 random_;
  uint32_t connected_ = 0;
  absl::flat_hash_map<PeerId, Known> known_;
  absl::flat_hash_set<PeerId> dropped_;
  absl::flat_hash_set<Endpoint> dropped_endpoints_;
  absl::flat_hash_set<Endpoint> connected_endpoints_;
};

}  // namespace shoal::leecher
