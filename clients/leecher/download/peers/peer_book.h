#pragma once

#include <bitset>
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

// A known peer without a connection, and why the last one ended or did not come about.
struct PeerFailure {
  Endpoint endpoint;
  std::string why;  // for people
  bool wants_ticket = false;
};

// In one sentence for people: why none of `known` peers is connected, with the reasons of some of them, and
// what helps when no connection came about. Empty when there are no failures.
std::string DescribeFailures(const std::vector<PeerFailure>& failures, size_t known);

// The known peers of a content, and which one to dial next. It learns peers from lookups, remembers which
// ones failed and how long their backoff lasts, and which ones sent wrong bytes and are never dialled again.
// It opens no connection itself.
//
// A peer may have several endpoints, because it has several addresses or because trackers see it at different
// ones. Some may lead nowhere, or to another machine that has the same private address.
//
// Bounded: at most kMaxKnown peers, each with at most kMaxEndpoints; one that is not connected and that no
// lookup has returned for kForgetAfter is forgotten. Pure: `now` is Clock::Uptime(). One thread.
class PeerBook {
 public:
  static constexpr size_t kMaxKnown = 2000;
  static constexpr size_t kMaxEndpoints = 8;
  static constexpr absl::Duration kForgetAfter = absl::Minutes(10);
  static constexpr uint32_t kDeadAfter = 3;
  static constexpr size_t kMaxTrackers = 64;

  struct Limits {
    uint32_t max_connected = 32;
    absl::Duration first_backoff = absl::Seconds(1);
    absl::Duration max_backoff = absl::Minutes(1);
  };
  // The peer to dial, and its endpoints in the order in which they are to be tried. `on_probation`: it was
  // silent the last time.
  struct Call {
    PeerId peer;
    std::vector<Endpoint> endpoints;
    bool on_probation = false;
    bool failed_before = false;
    std::bitset<kMaxTrackers> trackers = {};  // that have ever named it
  };

  PeerBook(PeerId self, const Limits& limits, uint64_t seed) : self_(self), limits_(limits), random_(seed) {}

  // A lookup returned these peers. Ignores this process itself, peers without a port, and dropped ones.
  // `tracker`: which of the trackers, below kMaxTrackers. `whole`: the lookup returned all peers that the
  // tracker knows.
  void Seen(const std::vector<tracking::PeerInfo>& peers, size_t tracker, bool whole, absl::Duration now);
  // Returns the next peer to dial, which counts as connected from now on; none at the limit of connections,
  // or if no peer is due. Peers that never failed come first; ties are broken at random.
  std::optional<Call> Next(absl::Duration now);
  // The hellos were exchanged at this endpoint of the peer.
  void Reached(const PeerId& peer, const Endpoint& endpoint);
  // The peer sent a valid chunk and is still connected: its failures are cleared.
  void Proved(const PeerId& peer);

  // The connection is over; `why` is for people. Ended: it failed; the backoff doubles with each consecutive
  // failure. Frozen: as Ended, and the peer returns on probation. LeftAlone: no failure, but not dialled
  // before `wait` has passed. Leaving: it ends, and is not dialled before `wait` has passed. NotThere: what
  // listens at that endpoint does not serve the content, such as another machine with the same private
  // address, or a seeder whose file changed: the peer's other endpoints are tried soon, and all of them again
  // after at least `wait`, which doubles each time as the backoff does. WantsTicket: it serves nobody without
  // a ticket that counts there; as Ended. Broken: it can't read what it offers; as Ended, with a longer first
  // backoff. The peer is forgotten once no tracker returns it, so that it is a new peer after it registers
  // again.
  void Ended(const PeerId& peer, absl::Duration now, const std::string& why);
  void Frozen(const PeerId& peer, absl::Duration now, const std::string& why);
  void LeftAlone(const PeerId& peer, absl::Duration now, absl::Duration wait, const std::string& why);
  void Leaving(const PeerId& peer, absl::Duration now, absl::Duration wait, const std::string& why);
  void NotThere(const PeerId& peer, absl::Duration now, absl::Duration wait, const std::string& why);
  void Broken(const PeerId& peer, absl::Duration now, const std::string& why);
  void WantsTicket(const PeerId& peer, absl::Duration now, const std::string& why);
  // This process itself listens at `endpoint`, which is never dialled again. The connection to `peer`, which
  // was dialled there, is over.
  void IsSelf(const PeerId& peer, const Endpoint& endpoint, absl::Duration now);
  // The peer was unreachable, or froze. Returns true, once, when that happened kDeadAfter times since it last
  // proved good: it is to be reported once.
  bool FoundSilent(const PeerId& peer);
  // Never dials the peer again, neither under this id nor at this endpoint of it.
  void DropForGood(const PeerId& peer, const Endpoint& endpoint);

  uint32_t connected() const { return connected_; }
  size_t known() const { return known_.size(); }
  // Those that are connected, or that the last lookup of some tracker returned.
  size_t named() const;
  bool is_dropped(const PeerId& peer) const { return dropped_.contains(peer); }
  uint32_t dropped() const { return static_cast<uint32_t>(dropped_.size()); }
  // A peer could be dialled right now if there were room.
  bool HasSpare(absl::Duration now) const;
  // Peers that asked to be left alone for now.
  uint32_t left_alone(absl::Duration now) const;
  uint32_t broken() const;
  // Peers that wanted a ticket when they were last reached.
  uint32_t wanting_ticket() const;
  // Of peers that have failed since they last proved good, those that are dialled again included; at most
  // `most`, ordered by endpoint.
  std::vector<PeerFailure> Failures(size_t most) const;

 private:
  struct Known {
    std::vector<Endpoint> endpoints;  // the first is dialled first
    std::vector<Endpoint> dialled;    // while connected: those that no other peer may be dialled at
    uint64_t named_by = 0;            // a bit per tracker
    absl::Duration last_seen;
    absl::Duration not_before;
    uint32_t failures = 0;
    uint32_t silences = 0;
    uint32_t misses = 0;  // NotThere
    bool connected = false;
    bool on_probation = false;
    bool left_alone = false;
    bool broken = false;
    bool wants_ticket = false;
    std::bitset<kMaxTrackers> trackers;  // see Call
    std::string why;                     // the last connection ended
    Endpoint failed_at;                  // where that was dialled first
  };

  void Learn(const tracking::PeerInfo& peer, size_t tracker, absl::Duration now);
  bool IsFree(const Endpoint& endpoint) const { return !connected_endpoints_.contains(endpoint); }
  bool Due(const Known& peer, absl::Duration now) const;
  void Forget(absl::Duration now);
  void Release(Known& peer);
  // The peer's connection is over; null if it is not known.
  Known* Disconnect(const PeerId& peer, const std::string& why);

  const PeerId self_;
  const Limits limits_;
  std::mt19937_64 random_;
  uint32_t connected_ = 0;
  absl::flat_hash_map<PeerId, Known> known_;
  absl::flat_hash_set<PeerId> dropped_;
  absl::flat_hash_set<Endpoint> barred_endpoints_;  // of dropped peers, and of this process
  absl::flat_hash_set<Endpoint> connected_endpoints_;
};

}  // namespace shoal::leecher
