#pragma once

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/tracker/bittorrent/bittorrent_swarms.h"
#include "services/tracker/limits/bittorrent_limits.h"
#include "services/tracker/limits/registry_limits.h"
#include "services/tracker/registry/registry.h"
#include "shoal/base/clock.h"
#include "shoal/base/endpoint.h"
#include "shoal/content/manifest/ids.h"
#include "shoal/tracking/messages/messages.h"

namespace shoal::tracker {

// Receives a tracker's state: first contents, each with its peers, then BitTorrent swarms, each with its
// peers.
class StateSink : public RegistrySink {
 public:
  // `completed`: finished downloads.
  virtual void Swarm(const InfoHash& info_hash, uint32_t completed) = 0;
  // `silent`: the time since its last announce.
  virtual void SwarmPeer(const Endpoint& endpoint, bool seeder, absl::Duration silent) = 0;
};

// Everything that a tracker knows: the registry of Shoal's contents, and the swarms of BitTorrent clients.
// Callers use the two parts directly; this class does what concerns both. All of it is soft state in memory.
//
// Thread safety: thread-safe.
class TrackerState {
 public:
  struct Options {
    Registry::Options registry;  // its seed serves BitTorrent's swarms as well
    // Between two announces of a BitTorrent peer.
    absl::Duration bittorrent_interval = absl::Minutes(5);
    BitTorrentLimits bittorrent_limits;
  };

  // Requires: the clock outlives this.
  TrackerState(const Options& options, const Clock* clock);

  Registry* registry() { return &registry_; }
  const Registry& registry() const { return registry_; }
  BitTorrentSwarms* bittorrent() { return &bittorrent_; }
  const BitTorrentSwarms& bittorrent() const { return bittorrent_; }

  // Contents, as Registry::ListContents returns them; the pages after the last content hold BitTorrent
  // swarms, selected by the hex form of their info hash.
  absl::StatusOr<tracking::ListContentsResponse> ListContents(const tracking::ListContentsRequest& request);
  // A swarm of either kind. Errors: those of Registry::GetSwarm; NOT_FOUND for an unknown info hash.
  absl::StatusOr<tracking::GetSwarmResponse> GetSwarm(const tracking::ContentKey& key);

  // For a warm restart: passes every content and BitTorrent swarm that has a peer to `sink`. Locks one shard
  // at a time, so changes made meanwhile may or may not be included.
  void Export(StateSink* sink) const;
  // Returns: a sink that registers in this state what an earlier process exported, as Registry::RestoreLease
  // and BitTorrentSwarms::Restore do. It skips entries that a limit refuses. Requires: this outlives the
  // sink.
  std::unique_ptr<StateSink> Restoring();

  // Takes effect for later calls: state over a new limit stays until it ends by itself.
  void SetLimits(const RegistryLimits& registry, const BitTorrentLimits& bittorrent);

  // Ends what has lapsed, in both parts. Requires: called about every registry().advance_interval().
  void Advance();

  struct Stats {
    Registry::Stats registry;
    uint64_t bittorrent_swarms = 0;
    uint64_t bittorrent_peers = 0;
  };
  Stats stats() const;

 private:
  tracking::ListContentsResponse ListBitTorrent(const tracking::ListContentsRequest& request,
                                                BitTorrentSwarms::Cursor cursor) const;
  absl::StatusOr<tracking::GetSwarmResponse> GetBitTorrentSwarm(const InfoHash& info_hash) const;
  tracking::BitTorrentSwarm Describe(const BitTorrentSwarms::Swarm& swarm) const;
  void ExportSwarms(StateSink* sink) const;

  const Clock* const clock_;
  const absl::Time started_;  // wall-clock time at uptime 0
  Registry registry_;
  BitTorrentSwarms bittorrent_;
};

}  // namespace shoal::tracker
