#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/tracker/bittorrent/bittorrent_swarms.h"
#include "services/tracker/limits/registry_limits.h"
#include "services/tracker/registry/name_index.h"
#include "services/tracker/registry/registry_shard.h"
#include "services/tracker/registry/site_names.h"
#include "services/tracker/registry/state_sink.h"
#include "services/tracker/registry/swarm_watcher.h"
#include "shoal/base/clock.h"
#include "shoal/tracking/messages/messages.h"

namespace shoal::tracker {

// Who has what: the tracker's whole state and all of its logic, in memory, with no socket. Every door of the
// tracker asks this one object; the calls and their errors are those of
// protos/shoal/tracker/v1/tracker.proto.
//
// Leases. A lease lives for `lease` after its registration or last heartbeat. From that instant on it is
// handed to nobody, and a heartbeat for it is answered "register again"; its memory goes, and watchers hear
// of it, within 1/256 of `lease`, as long as Advance is called that often. Counts of seeders and leechers may
// be behind by as much.
//
// Contents. A content is listed while it has a peer. After its last lease ended it stays known for
// `forget_after`, so that a seeder that comes and goes does not turn into NOT_FOUND: it can be looked up (and
// has no peers), keeps its first_seen, and its id can't be taken with another summary. By name it is found
// only when no content with a peer has that name, so that what was replaced does not stand beside its
// replacement.
//
// Sharded by content id; calls about different contents seldom wait for each other. O(1) per lease and
// content named in a call, but for those that people make (names, lists, swarms: O(log contents) and what
// they return). Thread-safe. The clock must outlive it. All state is soft: a new Registry is whole again when
// all peers were told to register again.
class Registry {
 public:
  struct Options {
    absl::Duration lease = absl::Seconds(30);  // 1 ms to 20 days
    absl::Duration forget_after = absl::Minutes(10);
    uint32_t shards = 64;                                   // 1 to 256
    absl::Duration bittorrent_interval = absl::Minutes(5);  // between two announces of a BitTorrent peer
    RegistryLimits limits;
    uint64_t seed = 0;  // of lease ids and of who is chosen; a daemon draws it at random
  };

  Registry(const Options& options, const Clock* clock);

  // Needs an address in the request: whoever took the call fills in where it came from.
  absl::StatusOr<tracking::RegisterResponse> Register(const tracking::RegisterRequest& request);
  absl::StatusOr<tracking::HeartbeatResponse> Heartbeat(const tracking::HeartbeatRequest& request);
  absl::StatusOr<tracking::LookupResponse> Lookup(const tracking::LookupRequest& request);
  absl::StatusOr<tracking::ListContentsResponse> ListContents(const tracking::ListContentsRequest& request);
  absl::StatusOr<tracking::GetSwarmResponse> GetSwarm(const tracking::ContentKey& key);
  tracking::LeaveResponse Leave(const tracking::LeaveRequest& request);

  // Fills `watcher` with the peers that are there, then with each change, until Unwatch or until it is lost.
  absl::Status Watch(const ContentId& content, const std::shared_ptr<SwarmWatcher>& watcher);
  void Unwatch(const ContentId& content, const SwarmWatcher* watcher);

  // For a warm restart. Tells `sink` every content that has a peer, with its peers: one shard after the
  // other, under its lock.
  void Export(StateSink* sink) const;
  // Registers a peer that an earlier life of this tracker knew, for two heartbeat intervals only.
  absl::Status RestoreLease(const tracking::RegisterRequest& request, absl::Time first_seen);

  // From now on; what is over a limit stays until it ends by itself. Of what watchers may have, only how many
  // there may be: the rest is as the options say.
  void SetLimits(const RegistryLimits& limits);
  const RegistryUsage& usage() const { return usage_; }

  // The swarms of BitTorrent clients, for the door that takes their announces. They are in ListContents and
  // GetSwarm like all others, and Advance takes care of them.
  BitTorrentSwarms* bittorrent() { return &bittorrent_; }
  const BitTorrentSwarms& bittorrent() const { return bittorrent_; }

  // Ends what has lapsed and forgets what is to be forgotten; to be called every advance_interval() or so.
  // Holds no lock for longer than some thousand leases take.
  void Advance();
  absl::Duration advance_interval() const;

  struct Stats {
    uint64_t contents = 0;  // with a peer
    uint64_t known_contents = 0;
    uint64_t complete_peers = 0;  // leases, in fact: a peer of two contents counts twice
    uint64_t partial_peers = 0;
    uint64_t chunk_set_bytes = 0;
    uint64_t watchers = 0;
    uint64_t lapsed_leases = 0;  // since the start
    uint64_t left_leases = 0;
    uint64_t bittorrent_swarms = 0;
    uint64_t bittorrent_peers = 0;
  };
  Stats stats() const;

  const Options& options() const { return options_; }
  absl::Duration heartbeat_interval() const { return options_.lease / 3; }

 private:
  uint64_t Tick() const;
  RegistryShard& ShardOf(const ContentId& content) const;
  tracking::ListContentsResponse ListBitTorrent(const tracking::ListContentsRequest& request,
                                                BitTorrentSwarms::Cursor cursor) const;
  absl::StatusOr<tracking::GetSwarmResponse> GetBitTorrentSwarm(const InfoHash& info_hash) const;
  tracking::BitTorrentSwarm Describe(const BitTorrentSwarms::Swarm& swarm) const;
  // What is known under a name: those with a peer if there are any, or else those without; newest first.
  std::vector<tracking::ContentStatus> WithName(const std::string& name) const;

  const Options options_;
  const Clock* const clock_;
  const absl::Time started_;  // the wall's time at tick 0
  RegistryUsage usage_;
  NameIndex names_;
  SiteNames sites_;
  std::vector<std::unique_ptr<RegistryShard>> shards_;
  BitTorrentSwarms bittorrent_;
};

}  // namespace shoal::tracker
