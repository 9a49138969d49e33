#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/tracker/limits/rate_limiter.h"
#include "services/tracker/limits/registry_limits.h"
#include "services/tracker/registry/lease_ids.h"
#include "services/tracker/registry/name_index.h"
#include "services/tracker/registry/registry_observer.h"
#include "services/tracker/registry/registry_shard.h"
#include "services/tracker/registry/reserved_names.h"
#include "services/tracker/registry/site_names.h"
#include "services/tracker/registry/swarm_watcher.h"
#include "shoal/base/clock.h"
#include "shoal/base/mutex.h"
#include "shoal/tracking/messages/messages.h"

namespace shoal::tracker {

// The contents that peers offer and the leases of those peers, in memory and without sockets. All listeners
// of a tracker use one object; the calls and their errors are those of protos/shoal/tracker/v1/tracker.proto.
//
// Leases. A lease lives for `lease` after its registration or last heartbeat. From that instant on no
// response includes it, and a heartbeat for it is answered "register again"; its memory is freed, and
// watchers are notified, within 1/256 of `lease`, as long as Advance is called that often. Counts of seeders
// and leechers may lag by as much.
//
// Contents. A content is listed while it has a peer. After its last lease ended it stays known for
// `forget_after`, so that a seeder that comes and goes does not cause NOT_FOUND for its id: it can be looked
// up by id (and has no peers), keeps its first_seen, and its id can't be taken with another summary.
//
// Names. A name refers to the contents that a live peer publishes under it, and if there is none, to the
// newest content of that name that a live peer holds; never to one without a peer. A peer publishes one
// content per name: when it begins to publish another, it stops publishing the earlier one, which it may go
// on serving. So a name is ambiguous only while different peers publish different contents under it.
//
// Warm-up. All leases of an earlier process are registered again within one lease of the start. Until then
// warming_up() says how long that may take, and responses repeat it, so that callers do not take a peer for
// gone that has merely not returned yet.
//
// Owners. A lease is changed only by requests with the secret of its peer's id. The registry keeps no secret:
// it computes the id from that of the request.
//
// Cost: O(1) per lease and content named in a call. Calls that people make (names, lists, swarms) cost O(log
// contents) plus the size of their result.
//
// All state is soft: a new Registry is complete again once all peers were told to register again.
//
// Thread safety: thread-safe. Sharded by content id, so that calls about different contents seldom wait for
// each other.
class Registry {
 public:
  struct Options {
    absl::Duration lease = absl::Seconds(30);  // 1 ms to 20 days
    absl::Duration forget_after = absl::Minutes(10);
    uint32_t shards = 64;  // 1 to 256
    RegistryLimits limits;
    uint64_t seed = 0;                     // for nonces and the choice of peers; a daemon draws it at random
    LeaseIds::Key lease_key{};             // makes lease ids opaque; a daemon draws it at random
    RegistryObserver* observer = nullptr;  // notified of all changes; outlives the registry
  };

  // Requires: the clock outlives this.
  Registry(const Options& options, const Clock* clock);

  // Requires: addresses in the request, as PeerAddresses completes them. Errors: those of
  // TrackerService.Register; INVALID_ARGUMENT for a signature that is not of the content, PERMISSION_DENIED
  // for a reserved name; RESOURCE_EXHAUSTED when the source has no budget left for a content that was not
  // known (RegistryLimits::new_contents_per_second). `source`: the address that the request came from;
  // unspecified: it came from this machine.
  absl::StatusOr<tracking::RegisterResponse> Register(const tracking::RegisterRequest& request,
                                                      const IpAddress& source = IpAddress());
  // `source`: the address that the request came from, which says how much its reports count; unspecified: it
  // came from this machine. Only requests with reports need it.
  absl::StatusOr<tracking::HeartbeatResponse> Heartbeat(const tracking::HeartbeatRequest& request,
                                                        const IpAddress& source = IpAddress());
  // Errors: NOT_FOUND; while the registry warms up, WarmUpOf(status) says for how long.
  absl::StatusOr<tracking::LookupResponse> Lookup(const tracking::LookupRequest& request);
  absl::StatusOr<tracking::ListContentsResponse> ListContents(const tracking::ListContentsRequest& request);
  // Errors: INVALID_ARGUMENT for a key that is an info hash, as with Lookup.
  absl::StatusOr<tracking::GetSwarmResponse> GetSwarm(const tracking::ContentKey& key);
  absl::StatusOr<tracking::LeaveResponse> Leave(const tracking::LeaveRequest& request);

  // Replaces the endpoints of all live leases of the peer, until it registers again. Requires: `endpoints` is
  // not empty, and has at most kMaxEndpointsPerPeer.
  void SetEndpoints(const PeerId& peer, const std::vector<Endpoint>& endpoints);

  // Adds the current peers to `watcher`, then each change, until Unwatch or until the watcher is lost.
  absl::Status Watch(const ContentId& content, const std::shared_ptr<SwarmWatcher>& watcher);
  void Unwatch(const ContentId& content, const SwarmWatcher* watcher);
  // As SetLimits said last.
  uint64_t max_watchers() const { return usage_.watchers.limit(); }

  // For a warm restart: passes every content that has a peer, and its peers, to `sink`. Visits one shard at a
  // time and calls `sink` with that shard's lock held, so `sink` must not call the registry.
  void Export(RegistrySink* sink) const;
  // Registers a peer that an earlier process knew, for two heartbeat intervals only.
  absl::Status RestoreLease(const tracking::RegisterRequest& request, absl::Time first_seen,
                            absl::Time published, const std::vector<PublisherSignature>& signatures);
  // Only owners of certain keys may publish certain names from now on; null: anybody may.
  void SetReserved(std::shared_ptr<const ReservedNames> reserved);

  // Returns: the time until this registry knows all live peers; zero once it does.
  absl::Duration warming_up() const;
  // Ends the warm-up: the peers of an earlier process were restored.
  void EndWarmUp() { warm_.store(true, std::memory_order_relaxed); }

  // Takes effect for later calls: state over a new limit stays until it ends by itself. Of the limits on
  // watchers only their number changes; the others stay as in the options.
  void SetLimits(const RegistryLimits& limits);
  const RegistryUsage& usage() const { return usage_; }
  // The budgets of contents that were not known, of each source, and how many such contents were refused.
  const RateLimiter& new_contents() const { return new_contents_; }

  // Ends lapsed leases, and forgets contents whose time has passed. Requires: called about every
  // advance_interval(). Holds no lock for longer than a few thousand leases take.
  void Advance();
  absl::Duration advance_interval() const;

  struct Stats {
    uint64_t contents = 0;  // with a peer
    uint64_t known_contents = 0;
    uint64_t complete_peers = 0;  // leases: a peer of two contents counts twice
    uint64_t partial_peers = 0;
    uint64_t chunk_set_bytes = 0;
    uint64_t watchers = 0;
    uint64_t lapsed_leases = 0;  // since the start
    uint64_t left_leases = 0;
  };
  Stats stats() const;

  // Bounds of ListContents: the size of a page, and how many entries are looked at to fill one, so that one
  // call does not walk the whole index for a rare name.
  static constexpr uint32_t kMaxPageSize = 1000;
  static constexpr uint32_t kMaxScannedPerPage = 50'000;
  static uint32_t PageSize(const tracking::ListContentsRequest& request) {
    return request.page_size == 0 ? kMaxPageSize : std::min(request.page_size, kMaxPageSize);
  }

  const Options& options() const { return options_; }
  absl::Duration heartbeat_interval() const { return options_.lease / 3; }

 private:
  uint64_t Tick() const;
  RegistryShard& ShardOf(const ContentId& content) const;
  // Null when an id names no shard of this registry.
  RegistryShard* ShardOf(const LeaseIds::Parts& lease) const {
    return lease.shard < shards_.size() ? shards_[lease.shard].get() : nullptr;
  }
  // The contents to which a name refers, newest first.
  std::vector<tracking::ContentStatus> WithName(const std::string& name) const;
  // An error for a content that is not known, or that no peer has.
  absl::Status NotFound(absl::string_view what) const;
  // Verifies the request's signature, and that its name may be published with it.
  absl::Status CheckSignature(const tracking::RegisterRequest& request) const;
  // Null: no name is reserved.
  std::shared_ptr<const ReservedNames> Reserved() const;
  // Whether the name of the content is not reserved, or an owner of it has signed the content. The first form
  // returns false for an unknown content.
  bool IsOfItsOwner(const ReservedNames& reserved, const ContentId& id) const;
  static bool IsOfItsOwner(const ReservedNames& reserved, const tracking::ContentStatus& content);
  // Ends the peer's publications of other contents of the name. Returns: which.
  std::vector<ContentId> EndOtherPublications(const tracking::RegisterRequest& request);

  const Options options_;
  const Clock* const clock_;
  const absl::Time started_;    // wall-clock time at tick 0
  const absl::Duration began_;  // uptime at the start of this registry
  std::atomic<bool> warm_{false};
  const LeaseIds lease_ids_;
  RegistryUsage usage_;
  NameIndex names_;
  SiteNames sites_;
  RateLimiter new_contents_;
  mutable Mutex reserved_mutex_;
  std::shared_ptr<const ReservedNames> reserved_ ABSL_GUARDED_BY(reserved_mutex_);
  std::atomic<bool> has_reserved_{false};  // so that most registrations need not take that lock
  std::vector<std::unique_ptr<RegistryShard>> shards_;
};

}  // namespace shoal::tracker
