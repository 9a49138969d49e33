#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/tracker/limits/registry_limits.h"
#include "services/tracker/registry/lease_ids.h"
#include "services/tracker/registry/name_index.h"
#include "services/tracker/registry/registry_observer.h"
#include "services/tracker/registry/shard_tables.h"
#include "services/tracker/registry/site_names.h"
#include "services/tracker/registry/swarm_watcher.h"
#include "services/tracker/tables/peer_selection.h"
#include "services/tracker/tables/random_source.h"
#include "shoal/base/endpoint.h"
#include "shoal/base/mutex.h"
#include "shoal/content/manifest/chunk_set.h"
#include "shoal/content/manifest/ids.h"
#include "shoal/tracking/messages/messages.h"

namespace shoal::tracker {

// A peer of a content as Export describes it: what it registered with.
struct ExportedPeer {
  PeerId id;
  Endpoint endpoint;
  uint16_t free_slots = 0;
  std::optional<ChunkSet> held;  // nullopt: every chunk
  std::string site = {};
};

// Receives a registry's contents and leases, one after the other: a content, then its peers.
class RegistrySink {
 public:
  virtual ~RegistrySink() = default;
  virtual void Content(const tracking::ContentSummary& summary, absl::Time first_seen) = 0;
  virtual void Peer(const ExportedPeer& peer) = 0;
};

// Which peers reported a lease's peer as dead or lying. One reporter proves nothing: it may itself be cut
// off, or lie; kEnough different ones do. Keeps an entry only for reported leases, and at most kEnough
// reporters of each. Not thread-safe.
class PeerReports {
 public:
  static constexpr size_t kEnough = 3;

  // Returns: whether there are enough reporters now, this one among them.
  bool Add(uint32_t lease, const PeerId& reporter) {
    auto& reporters = reporters_[lease];
    if (std::find(reporters.begin(), reporters.end(), reporter) == reporters.end() &&
        reporters.size() < kEnough) {
      reporters.push_back(reporter);
    }
    return reporters.size() == kEnough;
  }

  // Requires: the lease has ended, or its peer has registered again.
  void Forget(uint32_t lease) { reporters_.erase(lease); }

 private:
  absl::flat_hash_map<uint32_t, absl::InlinedVector<PeerId, kEnough>> reporters_;
};

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
    RegistryObserver* observer = nullptr;
  };

  struct Registered {
    tracking::LeaseId lease_id;
    std::vector<tracking::PeerInfo> peers;
  };
  struct Found {
    tracking::ContentStatus content;
    std::vector<tracking::PeerInfo> peers;
  };

  // `lease_ids`, `usage`, `names` and `sites` are shared by all shards and outlive them.
  RegistryShard(const Options& options, uint64_t now, const LeaseIds* lease_ids, RegistryUsage* usage,
                NameIndex* names, SiteNames* sites);

  // Errors as TrackerService.Register; the request's fields were checked by the caller. `wall` is for
  // first_seen.
  absl::StatusOr<Registered> Register(const tracking::RegisterRequest& request, uint64_t now,
                                      absl::Time wall);
  // NOT_FOUND when the lease is to be registered again; INVALID_ARGUMENT for chunks that the content has not
  // (the lease is renewed all the same).
  absl::Status Beat(const PeerId& peer, const LeaseIds::Parts& lease, const tracking::LeaseBeat& beat,
                    uint64_t now);
  // NOT_FOUND when the content is not known.
  absl::StatusOr<Found> Lookup(const ContentId& id, const std::optional<PeerId>& exclude, uint32_t max_peers,
                               SiteNumber site, uint64_t now);
  // Somebody with a lease says that another peer of that content is no good. One that enough say it of is
  // handed to nobody until it registers again; when it was reported as dead and is not, its next beat tells
  // it to.
  void Report(const PeerId& reporter, const LeaseIds::Parts& lease, const tracking::PeerReport& report,
              uint64_t now);
  // `started`: the time of tick 0, to date a lease.
  absl::StatusOr<tracking::GetSwarmResponse> GetSwarm(const ContentId& id, uint64_t now, absl::Time started);
  absl::Status Watch(const ContentId& id, std::shared_ptr<SwarmWatcher> watcher, uint64_t now);
  void Unwatch(const ContentId& id, const SwarmWatcher* watcher);
  // Whether the lease was there and that peer's.
  bool Leave(const PeerId& peer, const LeaseIds::Parts& lease, uint64_t now);
  uint32_t LeaveAll(const PeerId& peer, uint64_t now);
  // Tells every content that has a peer, and its peers.
  void Export(RegistrySink* sink) const;
  // Lets a lease lapse `ticks` from now, unless it is renewed.
  void ShortenLease(const PeerId& peer, const LeaseIds::Parts& lease, uint64_t ticks);
  // Ends up to some thousand lapsed leases, and forgets contents; false when there is more to do.
  bool Advance(uint64_t now);

  ShardTables::Counts counts() const;

 private:
  // Moves the clock on, and the expiry with it by a few leases. Every call begins with it.
  void Step(uint64_t now, uint32_t max_leases, WatcherWakeups* wakeups) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  absl::StatusOr<uint32_t> AddContent(const tracking::ContentSummary& summary, absl::Time wall)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ForgetContent(uint32_t content) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // A lease in the tables, not yet in the swarm.
  absl::StatusOr<uint32_t> AddLease(const PeerId& peer, uint32_t content)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Publishes a change of a lease: to the observer, then to the watchers. Requires: the record is as it is
  // after the change, but for kEnded, which is published while it still stands.
  void Publish(LeaseChange::Kind kind, uint32_t lease, WatcherWakeups* wakeups)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Takes it out of everything, and publishes that.
  void EndLease(uint32_t lease, WatcherWakeups* wakeups) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The same but for the tables.
  void OnLeaseEnd(uint32_t lease, WatcherWakeups* wakeups) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // A peer's chunk set, its memory accounted for: null when none or all need no set. RESOURCE_EXHAUSTED.
  absl::StatusOr<std::unique_ptr<ChunkSet>> KeepChunkSet(const ChunkSet& held);
  absl::Status AddHeld(uint32_t lease, const std::vector<ChunkRange>& gained, WatcherWakeups* wakeups)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void DropChunkSet(std::unique_ptr<ChunkSet> held);

  // `site`: the asker's.
  std::vector<tracking::PeerInfo> Select(uint32_t content, const std::optional<PeerId>& exclude,
                                         SiteNumber site, uint32_t max_peers, WatcherWakeups* wakeups)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Options options_;
  RegistryUsage* const usage_;
  NameIndex* const names_;
  SiteNames* const sites_;

  mutable Mutex mutex_;
  RandomSource random_ ABSL_GUARDED_BY(mutex_);
  ShardTables tables_ ABSL_GUARDED_BY(mutex_);
  SwarmWatchers watchers_ ABSL_GUARDED_BY(mutex_);
  PeerReports reports_ ABSL_GUARDED_BY(mutex_);
  uint64_t changes_ ABSL_GUARDED_BY(mutex_) = 0;  // that the observer was notified of
};

}  // namespace shoal::tracker
