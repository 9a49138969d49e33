#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "services/tracker/bittorrent/bittorrent_shard.h"
#include "services/tracker/limits/bittorrent_limits.h"

namespace shoal::tracker {

// The swarms of BitTorrent clients, in about ten bytes a peer. Sharded by info hash, each shard under its own
// lock, so that calls about different swarms seldom wait for each other. Each call passes the time (`now`,
// since any fixed beginning), so that one reading of the clock serves many. Independent of the datagram
// format. Thread-safe.
class BitTorrentSwarms {
 public:
  struct Options {
    // The time that clients are asked to wait between two announces.
    absl::Duration interval = absl::Minutes(5);
    // A peer that is silent for this long lapses: at most 1/128 of it earlier, never later.
    absl::Duration life = absl::Minutes(12);
    BitTorrentLimits limits;
    uint64_t seed = 0;
  };

  explicit BitTorrentSwarms(const Options& options);

  using Answer = BitTorrentShard::Answer;
  using Swarm = BitTorrentShard::Swarm;
  // These are as in BitTorrentShard.
  Answer Announce(const BitTorrentAnnounce& announce, absl::Duration now, uint8_t* peers);
  SwarmCounts Scrape(const InfoHash& info_hash);
  void Prefetch(const InfoHash& info_hash, BitTorrentShard::PrefetchStep step) {
    ShardOf(info_hash).Prefetch(info_hash, step);
  }
  // Restores a peer that an earlier process knew, and had not heard of for `silent`. Does nothing if a limit
  // refuses it, or if it has lapsed.
  void Restore(const InfoHash& info_hash, uint32_t completed, const Endpoint& peer, bool seeder,
               absl::Duration silent, absl::Duration now);

  // Continues to remove lapsed peers. Requires: called about every sweep_interval(). Holds a shard's lock for
  // at most 64 buckets (about 12,000 peers) at a time.
  void Sweep(absl::Duration now);
  absl::Duration sweep_interval() const { return options_.life / PeerClock::kTicksPerLife; }

  // A place in the list of all swarms, whose order has no meaning.
  struct Cursor {
    uint32_t shard = 0;
    uint32_t slot = 0;
  };
  // Appends some swarms that have a peer, at most `count`, and advances the cursor. Returns: false when there
  // are no more.
  bool Page(Cursor* cursor, uint32_t count, std::vector<Swarm>* swarms) const;
  std::optional<Swarm> Describe(const InfoHash& info_hash, absl::Duration now, uint32_t max_peers,
                                std::vector<BitTorrentShard::Peer>* peers) const;
  // Converts ticks (of a swarm or a peer) to time.
  absl::Duration Ticks(uint64_t ticks) const { return static_cast<int64_t>(ticks) * sweep_interval(); }

  const Options& options() const { return options_; }
  const BitTorrentUsage& usage() const { return usage_; }
  void SetLimits(const BitTorrentLimits& limits) { usage_.SetLimits(limits); }

 private:
  static constexpr uint32_t kShards = 64;

  uint64_t Tick(absl::Duration now) const;
  BitTorrentShard& ShardOf(const InfoHash& info_hash) const;

  const Options options_;
  const int64_t tick_nanoseconds_;
  BitTorrentUsage usage_;
  std::vector<std::unique_ptr<BitTorrentShard>> shards_;
};

}  // namespace shoal::tracker
