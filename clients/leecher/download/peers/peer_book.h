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

// Who is known to have the content, and whom to call next. It learns peers from lookups, remembers who failed
// and for how long they are left alone, and who sent wrong bytes and is never called again. It opens no
// connection itself.
//
// Bounded: at most kMaxKnown peers; one that no lookup has named for kForgetAfter, and that is not connected,
// goes. Pure: `now` is Clock::Uptime(). One thread.
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
  // Whom to call: on probation when it was silent the last time.
  struct Call {
    PeerId peer;
    Endpoint endpoint;
    bool on_probation = false;
    bool failed_before = false;
  };

  PeerBook(PeerId self, const Limits& limits, uint64_t seed) : self_(self), limits_(limits), random_(seed) {}

  // A lookup named this peer. Ourselves, peers without a port and dropped ones are passed over.
  void Seen(const tracking::PeerInfo& peer, absl::Duration now);
  // The next to call, which counts as connected from now on; none when there are as many as allowed, or
  // nobody is due. Those who never failed come first, and of equals one at random.
  std::optional<Call> Next(absl::Duration now);
  // It brought a chunk and is still there: its failures are forgiven.
  void Proved(const PeerId& peer);

  // The connection is over. Ended: it failed, and is left alone for a while that doubles with each failure in
  // a row. Frozen: the same, and it comes back on probation. LeftAlone: no failure, but not before `wait`.
  void Ended(const PeerId& peer, absl::Duration now);
  void Frozen(const PeerId& peer, absl::Duration now);
  void LeftAlone(const PeerId& peer, absl::Duration now, absl::Duration wait);
  // It could not be reached, or froze. True when that has made kDeadAfter since it last proved good: once, as
  // it is to be told once.
  bool FoundSilent(const PeerId& peer);
  // Never again, neither under this id nor at its endpoints.
  void DropForGood(const PeerId& peer);

  uint32_t connected() const { return connected_; }
  size_t known() const { return known_.size(); }
  bool is_dropped(const PeerId& peer) const { return dropped_.contains(peer); }
  uint32_t dropped() const { return static_cast<uint32_t>(dropped_.size()); }
  // Somebody could be called right now if there were room.
  bool HasSpare(absl::Duration now) const;
  // Those who asked to be left alone for now.
  uint32_t left_alone(absl::Duration now) const;

 private:
  struct Known {
    std::vector<Endpoint> endpoints;  // the first is called next
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
