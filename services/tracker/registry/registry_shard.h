#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/tracker/limits/rate_limiter.h"
#include "services/tracker/limits/registry_limits.h"
#include "services/tracker/registry/lease_ids.h"
#include "services/tracker/registry/name_index.h"
#include "services/tracker/registry/peer_reports.h"
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
  bool publishes = false;
  std::vector<Endpoint> other_endpoints = {};
};

// Receives a registry's contents and leases, one after the other: a content, then its signatures and peers.
class RegistrySink {
 public:
  virtual ~RegistrySink() = default;
  // `published`: as in ContentStatus.
  virtual void Content(const tracking::ContentSummary& summary, absl::Time first_seen,
                       absl::Time published) = 0;
  // Of the content before, verified; follows it before its peers.
  virtual void Signature(const PublisherSignature& signature) = 0;
  virtual void Peer(const ExportedPeer& peer) = 0;
};

// The contents of one share of the id space, with their leases, under one lock. The Registry routes calls to
// shards and converts these results to responses.
//
// Each call passes the time as a tick of a millisecond (`now`), which never goes back by more than the
// difference between two callers' clocks. Each call also advances the expiry by a few leases; Advance does
// more of it. A lease is not handed out from its deadline on, even while its record exists.
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
    RateLimiter* new_contents = nullptr;  // charged for contents that were not known; null: these are free
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

  // Requires: the request's fields are valid, and so is its signature. Errors: those of
  // TrackerService.Register. `source`: pays for a content that was not known; unspecified: it is free. What
  // is refused costs nothing. `wall`: for first_seen and published.
  absl::StatusOr<Registered> Register(const tracking::RegisterRequest& request, const IpAddress& source,
                                      uint64_t now, absl::Time wall);
  // Whether that peer has a live lease for the content, and publishes it.
  bool Publishes(const PeerId& peer, const ContentId& id, uint64_t now);
  // Replaces the endpoints of all live leases of the peer. Requires: `endpoints` is not empty.
  void SetEndpoints(const PeerId& peer, const std::vector<Endpoint>& endpoints, uint64_t now);
  // Changes whether the peer publishes the content, if it has a live lease for it. Returns: whether that
  // changed anything.
  bool SetPublishes(const PeerId& peer, const ContentId& id, bool publishes, uint64_t now);
  // Whether the content is known with this very signature, which need not be verified again.
  bool HasSignature(const ContentId& id, const PublisherSignature& signature) const;
  // Restores when a content was last published and who signed it, as an earlier process knew it.
  void RestorePublished(const ContentId& id, absl::Time published,
                        const std::vector<PublisherSignature>& signatures);
  // Errors: NOT_FOUND when the lease must be registered again; INVALID_ARGUMENT for chunks that the content
  // does not have (the lease is renewed all the same).
  absl::Status Beat(const PeerId& peer, const LeaseIds::Parts& lease, const tracking::LeaseBeat& beat,
                    uint64_t now);
  // Errors: NOT_FOUND for an unknown content.
  absl::StatusOr<Found> Lookup(const ContentId& id, const std::optional<PeerId>& exclude, uint32_t max_peers,
                               SiteNumber site, uint64_t now);
  // Notes that the peer of `lease`, from the address `source`, reports another peer of the same content as
  // dead or lying. A peer with reports of enough origins is not handed out until it registers again. If it
  // was reported as dead and is not, its next heartbeat gets NOT_FOUND, so that it does.
  void Report(const PeerId& reporter, const IpAddress& source, const LeaseIds::Parts& lease,
              const tracking::PeerReport& report, uint64_t now);
  // `started`: the time of tick 0, for dating leases.
  absl::StatusOr<tracking::GetSwarmResponse> GetSwarm(const ContentId& id, uint64_t now, absl::Time started);
  absl::Status Watch(const ContentId& id, std::shared_ptr<SwarmWatcher> watcher, uint64_t now);
  void Unwatch(const ContentId& id, const SwarmWatcher* watcher);
  // Returns: whether the lease existed and was that peer's.
  bool Leave(const PeerId& peer, const LeaseIds::Parts& lease, uint64_t now);
  uint32_t LeaveAll(const PeerId& peer, uint64_t now);
  // Passes every content that has a peer, and its peers, to `sink`, under the lock.
  void Export(RegistrySink* sink) const;
  // Lets a lease lapse `ticks` from now, unless it is renewed.
  void ShortenLease(const PeerId& peer, const LeaseIds::Parts& lease, uint64_t ticks);
  // Ends up to a few thousand lapsed leases, and forgets contents. Returns: false if work is left.
  bool Advance(uint64_t now);

  ShardTables::Counts counts() const;

 private:
  // Advances the clock, and expires a few leases. Every call begins with it.
  void Step(uint64_t now, uint32_t max_leases, WatcherWakeups* wakeups) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // `source`: pays for it; unspecified: it is free.
  absl::StatusOr<uint32_t> AddContent(const tracking::ContentSummary& summary, const IpAddress& source,
                                      uint64_t now, absl::Time wall) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ForgetContent(uint32_t content) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Ends the leases of the content, and forgets it.
  void RemoveContent(uint32_t content, WatcherWakeups* wakeups) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Keeps a signature with its content: instead of an earlier one of the same key, or as long as there is
  // room. Who comes first stays: others with keys of their own can't displace the publisher's.
  void KeepSignature(uint32_t content, const PublisherSignature& signature)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Adds a lease to the tables, not yet to the swarm.
  absl::StatusOr<uint32_t> AddLease(const PeerId& peer, uint32_t content)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Publishes a change of a lease to the observer, then to the watchers. Requires: the record has its state
  // after the change; for kEnded it still exists.
  void Publish(LeaseChange::Kind kind, uint32_t lease, WatcherWakeups* wakeups)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Removes a lease from everything, and publishes that.
  void EndLease(uint32_t lease, WatcherWakeups* wakeups) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The same, except that the lease stays in the tables.
  void OnLeaseEnd(uint32_t lease, WatcherWakeups* wakeups) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Returns: a chunk set whose memory is accounted for; null for none or all of the chunks, which need no
  // set. Errors: RESOURCE_EXHAUSTED.
  absl::StatusOr<std::unique_ptr<ChunkSet>> KeepChunkSet(const ChunkSet& held);
  absl::Status AddHeld(uint32_t lease, const std::vector<ChunkRange>& gained, WatcherWakeups* wakeups)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void DropChunkSet(std::unique_ptr<ChunkSet> held);

  // `site`: the caller's.
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
  uint64_t changes_ ABSL_GUARDED_BY(mutex_) = 0;  // published to the observer
};

}  // namespace shoal::tracker
