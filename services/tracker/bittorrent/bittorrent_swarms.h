#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "services/tracker/bittorrent/bittorrent_shard.h"
#include "services/tracker/limits/bittorrent_limits.h"

namespace shoal::tracker {

// The swarms of BitTorrent clients, beside those of Shoal's contents: who is in which, in some ten bytes a
// peer. Cut into shards by info hash, each under its own lock, so that calls about different swarms seldom
// wait for each other. Time comes in with each call (`now`, since the same beginning), so that one look at
// the clock serves many. Thread-safe. Knows nothing of datagrams.
class BitTorrentSwarms {
 public:
  struct Options {
    // What clients are asked to wait between two announces.
    absl::Duration interval = absl::Minutes(5);
    // A peer that is silent for this long is gone. It lapses at most 1/128 of it sooner, never later.
    absl::Duration life = absl::Minutes(12);
    BitTorrentLimits limits;
    uint64_t seed = 0;
  };

  explicit BitTorrentSwarms(const Options& options);

  using Answer = BitTorrentShard::Answer;
  using Swarm = BitTorrentShard::Swarm;
  // As those of BitTorrentShard.
  Answer Announce(const BitTorrentAnnounce& announce, absl::Duration now, uint8_t* peers);
  SwarmCounts Scrape(const InfoHash& info_hash);
  void Prefetch(const InfoHash& info_hash, BitTorrentShard::PrefetchStep step) {
    ShardOf(info_hash).Prefetch(info_hash, step);
  }
  // Takes in a peer that an earlier life of this tracker knew, and had not heard of for `silent`. What a
  // limit refuses, or has lapsed, is left out.
  void Restore(const InfoHash& info_hash, uint32_t completed, const Endpoint& peer, bool seeder,
               absl::Duration silent, absl::Duration now);

  // Goes on with taking out what has lapsed; to be called every sweep_interval() or so. Holds no lock for
  // longer than some hundred peers take.
  void Sweep(absl::Duration now);
  absl::Duration sweep_interval() const { return options_.life / PeerClock::kTicksPerLife; }

  // A place in the list of all swarms. The list has no order that means anything.
  struct Cursor {
    uint32_t shard = 0;
    uint32_t slot = 0;
  };
  // Adds some swarms that have a peer, at most `count`, and moves the cursor on; false when there are no
  // more.
  bool Page(Cursor* cursor, uint32_t count, std::vector<Swarm>* swarms) const;
  std::optional<Swarm> Describe(const InfoHash& info_hash, absl::Duration now, uint32_t max_peers,
                                std::vector<BitTorrentShard::Peer>* peers) const;
  // What a number of ticks (of a swarm, a peer) is in time.
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
