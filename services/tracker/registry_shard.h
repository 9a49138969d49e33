#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/tracker/lease_id.h"
#include "services/tracker/lease_wheel.h"
#include "services/tracker/name_index.h"
#include "services/tracker/peer_reports.h"
#include "services/tracker/peer_selection.h"
#include "services/tracker/random_source.h"
#include "services/tracker/registry_limits.h"
#include "services/tracker/registry_records.h"
#include "services/tracker/site_names.h"
#include "services/tracker/slot_set.h"
#include "services/tracker/slot_table.h"
#include "services/tracker/state_sink.h"
#include "services/tracker/swarm_watcher.h"
#include "shoal/base/mutex.h"
#include "shoal/tracking/messages.h"

namespace shoal::tracker {

// The contents of one share of the id space, with their leases, under one lock. The Registry decides which
// shard a call goes to, and turns these answers into replies.
//
// Time comes in with each call, as a tick of a millisecond (`now`) that never goes back by more than the
// difference between two callers' clocks. Each call also moves the expiry on by a few leases; Advance does
// more of it. A lease whose deadline is reached is nowhere handed out, even while its record still stands.
//
// Thread-safe.
class RegistryShard {
 public:
  struct Options {
    uint32_t number = 0;
    uint64_t lease_ticks = 30'000;
    uint64_t forget_ticks = 600'000;
    RegistryLimits limits;
    uint64_t seed = 0;
  };

  struct Registered {
    LeaseId lease_id;
    std::vector<PeerInfo> peers;
  };
  struct Found {
    ContentStatus content;
    std::vector<PeerInfo> peers;
  };

  // `usage`, `names` and `sites` are shared by all shards and outlive them.
  RegistryShard(const Options& options, uint64_t now, RegistryUsage* usage, NameIndex* names,
                SiteNames* sites);

  // Errors as TrackerService.Register; the request's fields were checked by the caller. `wall` is for
  // first_seen.
  absl::StatusOr<Registered> Register(const RegisterRequest& request, uint64_t now, absl::Time wall);
  // NOT_FOUND when the lease is to be registered again; INVALID_ARGUMENT for chunks that the content has not
  // (the lease is renewed all the same).
  absl::Status Beat(const PeerId& peer, const LeaseBeat& beat, uint64_t now);
  // NOT_FOUND when the content is not known.
  absl::StatusOr<Found> Lookup(const ContentId& id, const std::optional<PeerId>& exclude, uint32_t max_peers,
                               SiteNumber site, uint64_t now);
  // Somebody with a lease says that another peer of that content is no good. One that enough say it of is
  // handed to nobody until it registers again; when it was reported as dead and is not, its next beat tells
  // it to.
  void Report(const PeerId& reporter, const PeerReport& report, uint64_t now);
  // `started`: the time of tick 0, to date a lease.
  absl::StatusOr<GetSwarmReply> GetSwarm(const ContentId& id, uint64_t now, absl::Time started);
  absl::Status Watch(const ContentId& id, std::shared_ptr<SwarmWatcher> watcher, uint64_t now);
  void Unwatch(const ContentId& id, const SwarmWatcher* watcher);
  // Whether the lease was there and that peer's.
  bool Leave(const PeerId& peer, LeaseId lease, uint64_t now);
  uint32_t LeaveAll(const PeerId& peer, uint64_t now);
  // Tells every content that has a peer, and its peers.
  void Export(StateSink* sink) const;
  // Lets a lease lapse `ticks` from now, unless it is renewed.
  void ShortenLease(const PeerId& peer, LeaseId lease, uint64_t ticks);
  // Ends up to some thousand lapsed leases, and forgets contents; false when there is more to do.
  bool Advance(uint64_t now);

  struct Counts {
    uint64_t contents = 0;  // with a peer
    uint64_t complete = 0;
    uint64_t partial = 0;
  };
  Counts counts() const;

 private:
  // The leases as the tables and the wheel need them. (Structs of their own, because those keep pointers to
  // them.)
  struct Leases {
    Leases() : table(LeaseIdParts::kMaxSlots) {}
    SlotTable<LeaseRecord> table;
    uint64_t now = 0;  // lets a 32-bit deadline be told in full

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

  // What the sets of slots find them by.
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
  // Moves the clock on, and the expiry with it by a few leases. Every call begins with it.
  void Step(uint64_t now, uint32_t max_leases, WatcherWakeups* wakeups) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Slots of what is known and alive; kNoSlot otherwise.
  uint32_t FindContent(const ContentId& id) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  uint32_t FindLease(const PeerId& peer, LeaseId id) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool Alive(uint32_t lease) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  void Renew(uint32_t lease) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  absl::StatusOr<uint32_t> AddContent(const ContentSummary& summary, absl::Time wall)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ForgetContent(uint32_t content) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // A lease in the tables and the wheel, not yet in the swarm.
  absl::StatusOr<uint32_t> AddLease(const PeerId& peer, uint32_t content)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Takes it out of everything, and tells the watchers.
  void EndLease(uint32_t lease, WatcherWakeups* wakeups) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The same for one that the wheel has let go of.
  void EndUnwheeledLease(uint32_t lease, WatcherWakeups* wakeups) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // A peer's chunk set, its memory accounted for: null when none or all need no set. RESOURCE_EXHAUSTED.
  absl::StatusOr<std::unique_ptr<ChunkSet>> KeepChunkSet(const ChunkSet& held);
  absl::Status AddHeld(uint32_t lease, const std::vector<ChunkRange>& gained, WatcherWakeups* wakeups)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void DropChunkSet(std::unique_ptr<ChunkSet> held);
  bool Complete(const LeaseRecord& lease) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void JoinSwarm(uint32_t lease) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void LeaveSwarm(uint32_t lease, bool complete) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // `site`: the asker's.
  std::vector<PeerInfo> Select(uint32_t content, const std::optional<PeerId>& exclude, SiteNumber site,
                               uint32_t max_peers, WatcherWakeups* wakeups)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  PeerInfo Describe(uint32_t lease) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  ContentStatus Status(uint32_t content) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Tell(const ContentId& content, const SwarmEvent& event, const PeerId& about, WatcherWakeups* wakeups)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Options options_;
  RegistryUsage* const usage_;
  NameIndex* const names_;
  SiteNames* const sites_;

  mutable Mutex mutex_;
  RandomSource random_ ABSL_GUARDED_BY(mutex_);
  Leases leases_ ABSL_GUARDED_BY(mutex_);
  Contents contents_ ABSL_GUARDED_BY(mutex_);
  LeaseWheel<Leases> lease_wheel_ ABSL_GUARDED_BY(mutex_);
  LeaseWheel<Contents> forget_wheel_ ABSL_GUARDED_BY(mutex_);
  SlotSet<KeyByContentId> content_by_id_ ABSL_GUARDED_BY(mutex_);
  SlotSet<KeyByPeerOfContent> lease_by_peer_ ABSL_GUARDED_BY(mutex_);
  SlotSet<KeyByPeer> first_of_peer_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<ContentId, std::vector<std::shared_ptr<SwarmWatcher>>> watchers_
      ABSL_GUARDED_BY(mutex_);
  PeerReports reports_ ABSL_GUARDED_BY(mutex_);
  Counts counts_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace shoal::tracker
