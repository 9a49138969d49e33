#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "services/tracker/registry/lease_ids.h"
#include "services/tracker/registry/site_names.h"
#include "services/tracker/tables/lease_wheel.h"
#include "services/tracker/tables/slot_set.h"
#include "services/tracker/tables/slot_table.h"
#include "shoal/content/manifest/ids.h"
#include "shoal/tracking/messages/messages.h"

namespace shoal::tracker {

inline constexpr uint32_t kNoSlot = ~0u;

// A lease. There are millions of these, so it is packed: together with the tables that find it, a complete
// peer costs 125 to 145 bytes.
struct LeaseRecord {
  PeerId peer;
  Endpoint endpoint;
  uint16_t free_slots = 0;          // capped at 65,535
  uint32_t deadline = 0;            // low half of the tick at which it lapses
  uint32_t registered_seconds = 0;  // since the registry began
  uint32_t chunks_held = 0;
  uint32_t content = kNoSlot;  // its ContentRecord
  uint32_t place = 0;          // in the content's list
  uint32_t nonce = 0;  // part of the lease id, distinguishes successive leases of a slot; 0: slot not in use
  LeaseWheelLink wheel;
  uint32_t previous_of_peer = kNoSlot;  // the peer's other leases in this shard
  uint32_t next_of_peer = kNoSlot;
  float send_rate = 0;  // bytes per second; float is precise enough for display
  float receive_rate = 0;
  SiteNumber site = kNoSite;
  bool shunned : 1 = false;     // enough peers reported its peer: not handed out until it registers again
  bool lies : 1 = false;        // one of them reported that it sends wrong bytes
  bool publishes : 1 = false;   // changed only while in no swarm, or through SetPublishes
  bool has_others : 1 = false;  // it has other endpoints, which are in a table of their own
  uint64_t sent_bytes = 0;
  uint64_t received_bytes = 0;
  std::unique_ptr<ChunkSet> held;  // non-null while it has some chunks but not all
};
static_assert(sizeof(LeaseRecord) <= 112);

// A content.
struct ContentRecord {
  tracking::ContentSummary summary;
  absl::Time first_seen;
  // The swarm: slots of leases, unordered; one list for complete peers and one for partial ones.
  std::vector<uint32_t> complete;
  std::vector<uint32_t> partial;
  absl::Time published = absl::InfinitePast();  // when a peer last began to publish it
  uint32_t publishers = 0;                      // leases in the swarm that publish
  std::vector<PublisherSignature> signatures;   // verified, of different keys
  uint64_t forget_at = 0;                       // tick; meaningful while the swarm is empty
  LeaseWheelLink wheel;                         // in the wheel of contents without a peer, and only then

  bool has_peers() const { return !complete.empty() || !partial.empty(); }
};

// The contents and leases of one shard, and the indexes that find them: by id, by peer, by swarm, by
// deadline. Keeps these consistent with one another; limits and notifications are the owner's business.
// Identifies records by their slot. All operations are O(1). Not thread-safe.
class ShardTables {
 public:
  // `shard`: the number to put into lease ids, which `lease_ids` makes. `now`, here and elsewhere: in ticks
  // of a millisecond. Requires: `lease_ids` outlives this.
  ShardTables(uint32_t shard, const LeaseIds* lease_ids, uint64_t lease_ticks, uint64_t forget_ticks,
              uint64_t now);

  uint64_t now() const { return leases_.now; }
  // Ignores times before now().
  void MoveTo(uint64_t now) { leases_.now = std::max(leases_.now, now); }

  // ---- Slots; kNoSlot where there is none.

  uint32_t FindContent(const ContentId& id) const;
  // Returns: the lease that `id` names, if it is that peer's and has not lapsed. Requires: the id names this
  // shard.
  uint32_t FindLease(const PeerId& peer, const LeaseIds::Parts& id) const;
  uint32_t FindLease(const PeerId& peer, uint32_t content) const;
  uint32_t AnyLeaseOf(const PeerId& peer) const;

  LeaseRecord& lease(uint32_t slot) { return leases_.table[slot]; }
  const LeaseRecord& lease(uint32_t slot) const { return leases_.table[slot]; }
  ContentRecord& content(uint32_t slot) { return contents_.table[slot]; }
  const ContentRecord& content(uint32_t slot) const { return contents_.table[slot]; }

  template <typename Visit>
  void ForEachContent(Visit&& visit) const {
    for (const uint32_t slot : content_by_id_) visit(contents_.table[slot]);
  }

  // ---- Properties.

  bool Alive(uint32_t lease) const { return leases_.deadline(lease) > leases_.now; }
  uint64_t TicksLeft(uint32_t lease) const { return leases_.deadline(lease) - leases_.now; }
  tracking::LeaseId IdOf(uint32_t lease) const;
  bool Complete(uint32_t lease) const;
  tracking::PeerInfo Describe(uint32_t lease) const;
  // Everything but the time of registration and the name of the site.
  tracking::SwarmPeer DescribeInFull(uint32_t lease) const;
  tracking::ContentStatus Status(uint32_t content) const;

  // ---- Changes.

  uint32_t AddContent(const tracking::ContentSummary& summary, absl::Time first_seen);
  // Requires: no peer has it.
  void ForgetContent(uint32_t content);
  // AdvanceContents does not return the content any more. Requires: it has no peers.
  void StopForgetting(uint32_t content) { forget_wheel_.Remove(content); }

  // Returns: a lease that is in no swarm yet; kNoSlot when lease ids can't name more. Requires: `nonce` is
  // not 0.
  uint32_t AddLease(const PeerId& peer, uint32_t content, uint32_t nonce);
  // Destroys the record.
  void RemoveLease(uint32_t lease);
  void Renew(uint32_t lease) { LetLapse(lease, lease_ticks_); }
  void LetLapse(uint32_t lease, uint64_t ticks) {
    leases_.table[lease].deadline = static_cast<uint32_t>(leases_.now + ticks);
  }

  // Adds the lease to its content's list of peers, or removes it. Its chunk count at that time selects the
  // list.
  void JoinSwarm(uint32_t lease);
  void LeaveSwarm(uint32_t lease);
  // Changes whether a lease in a swarm publishes.
  void SetPublishes(uint32_t lease, bool publishes);
  // The endpoints of a lease besides the one in its record. Most leases have none, and take no memory here.
  void SetOtherEndpoints(uint32_t lease, const std::vector<Endpoint>& others);

  // ---- Expiry.

  // Calls `lapsed(lease)` for lapsed leases, which are out of the wheel by then; the callback must call
  // RemoveLapsed. Touches at most `max_leases`. Returns: false if work is left.
  template <typename Lapsed>
  bool AdvanceLeases(uint32_t max_leases, Lapsed&& lapsed) {
    return lease_wheel_.Advance(leases_.now, max_leases, lapsed);
  }
  void RemoveLapsed(uint32_t lease);
  // The same for contents that were without a peer for long enough.
  template <typename Forget>
  bool AdvanceContents(uint32_t max_contents, Forget&& forget) {
    return forget_wheel_.Advance(leases_.now, max_contents, forget);
  }

  struct Counts {
    uint64_t contents = 0;  // with a peer
    uint64_t complete = 0;
    uint64_t partial = 0;
  };
  const Counts& counts() const { return counts_; }

 private:
  // The records in the form that sets and wheels need. Separate structs, because those keep pointers to them.
  struct Leases {
    Leases() : table(LeaseIds::kMaxSlots) {}
    SlotTable<LeaseRecord> table;
    uint64_t now = 0;  // extends 32-bit deadlines to 64 bits

    LeaseWheelLink& wheel_link(uint32_t slot) { return table[slot].wheel; }
    uint64_t deadline(uint32_t slot) const {
      return now +
             static_cast<int64_t>(static_cast<int32_t>(table[slot].deadline - static_cast<uint32_t>(now)));
    }
  };
  struct Contents {
    Contents() : table(1u << 31) {}
    SlotTable<ContentRecord> table;

    LeaseWheelLink& wheel_link(uint32_t slot) { return table[slot].wheel; }
    uint64_t deadline(uint32_t slot) const { return table[slot].forget_at; }
  };

  // Keys of the sets of slots.
  struct PeerOfContent {
    PeerId peer;
    uint32_t content;
    friend bool operator==(const PeerOfContent&, const PeerOfContent&) = default;
    template <typename H>
    friend H AbslHashValue(H h, const PeerOfContent& key) {
      return H::combine(std::move(h), key.peer, key.content);
    }
  };
  struct KeyByPeerOfContent {
    using Key = PeerOfContent;
    const Leases* leases;
    Key operator()(uint32_t slot) const { return {leases->table[slot].peer, leases->table[slot].content}; }
  };
  struct KeyByPeer {
    using Key = PeerId;
    const Leases* leases;
    Key operator()(uint32_t slot) const { return leases->table[slot].peer; }
  };
  struct KeyByContentId {
    using Key = ContentId;
    const Contents* contents;
    Key operator()(uint32_t slot) const { return contents->table[slot].summary.id; }
  };

  const uint32_t shard_;
  const LeaseIds* const lease_ids_;
  const uint64_t lease_ticks_;
  const uint64_t forget_ticks_;
  Leases leases_;
  Contents contents_;
  LeaseWheel<Leases> lease_wheel_;
  LeaseWheel<Contents> forget_wheel_;
  SlotSet<KeyByContentId> content_by_id_;
  SlotSet<KeyByPeerOfContent> lease_by_peer_;
  SlotSet<KeyByPeer> first_of_peer_;
  absl::flat_hash_map<uint32_t, std::vector<Endpoint>> other_endpoints_;  // by lease
  Counts counts_;
};

}  // namespace shoal::tracker
