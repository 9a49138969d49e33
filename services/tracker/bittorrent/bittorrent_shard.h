#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "services/tracker/bittorrent/swarm_peers.h"
#include "services/tracker/limits/bittorrent_limits.h"
#include "services/tracker/tables/random_source.h"
#include "services/tracker/tables/slot_set.h"
#include "services/tracker/tables/slot_table.h"
#include "shoal/base/endpoint.h"
#include "shoal/base/mutex.h"
#include "shoal/content/manifest/ids.h"

namespace shoal::tracker {

// An announce of a BitTorrent peer.
struct BitTorrentAnnounce {
  InfoHash info_hash;
  Endpoint peer;
  bool seeder = false;     // it has every piece
  bool completed = false;  // it just finished
  bool stopped = false;    // it leaves
  uint32_t wanted = 0;
};

enum class BitTorrentOutcome {
  kDone,
  kTooManySwarms,  // a limit of the tracker, for a new swarm
  kTooManyPeers,   // a limit of the tracker, for a new peer
  kSwarmFull,      // the limit of one swarm
};

// The BitTorrent swarms of one share of the id space, under one lock. A peer is identified by its address and
// port, so that it can't speak for another. Each call passes the time in ticks of 1/128 of a peer's life
// (PeerClock). A peer that was silent for a life is not handed out from then on. Lapsed peers are removed
// when calls meet them, a few hundred at a time, and by Sweep, which visits all of them step by step; counts
// may lag by that. Thread-safe.
class BitTorrentShard {
 public:
  // Requires: `usage`, shared by all shards, outlives this.
  BitTorrentShard(uint64_t seed, BitTorrentUsage* usage);

  struct Swarm {
    InfoHash info_hash;
    SwarmCounts counts;
    uint64_t first_tick = 0;
  };
  struct Peer {
    Endpoint endpoint;
    bool seeder = false;
    uint8_t age_ticks = 0;
  };

  struct Answer {
    BitTorrentOutcome outcome = BitTorrentOutcome::kDone;
    SwarmCounts counts;
    uint32_t peers = 0;
  };
  // Records the announce, and writes up to `wanted` other peers of its address family to `peers` in wire
  // form: 6 bytes each for IPv4, 18 for IPv6. Seeders get leechers only; a leecher gets both.
  Answer Announce(const BitTorrentAnnounce& announce, uint64_t tick, uint8_t* peers);
  // Prefetches the memory that an announce will need, in two steps. If enough other calls come in between, no
  // step waits for the one before it. Changes nothing.
  enum class PrefetchStep { kSwarm, kPeers };
  void Prefetch(const InfoHash& info_hash, PrefetchStep step);
  // Restores a peer that an earlier process knew, in a swarm with `completed` finished downloads. Does
  // nothing if a limit refuses it.
  void Restore(const InfoHash& info_hash, uint32_t completed, const Peer& peer, uint64_t tick);
  // Returns: zeros for an unknown swarm.
  SwarmCounts Scrape(const InfoHash& info_hash);

  // Continues a round over all peers: visits at most 64 buckets, about 12,000 peers, under the lock. Returns
  // false while the round is behind `tick`; the caller then calls again. A round takes an eighth of a peer's
  // life.
  bool Sweep(uint64_t tick);

  // Appends swarms that have a peer, from slot `from` on, at most `count`. Returns: the slot to continue at,
  // or nullopt at the end.
  std::optional<uint32_t> Page(uint32_t from, uint32_t count, std::vector<Swarm>* swarms) const;
  // Appends up to `max_peers` of its peers.
  std::optional<Swarm> Describe(const InfoHash& info_hash, uint64_t tick, uint32_t max_peers,
                                std::vector<BitTorrentShard::Peer>* peers) const;

 private:
  // A cache line.
  struct alignas(64) Record {
    InfoHash info_hash;
    uint32_t completed = 0;
    uint32_t first_tick = 0;
    bool used = false;
    SwarmPeers<6> v4;
    SwarmPeers<18> v6;

    uint32_t seeders() const { return v4.seeders() + v6.seeders(); }
    uint32_t leechers() const { return v4.leechers() + v6.leechers(); }
    bool empty() const { return seeders() + leechers() == 0; }
    SwarmCounts counts() const { return {seeders(), leechers(), completed}; }
  };
  static_assert(sizeof(Record) == 64);
  struct KeyByInfoHash {
    using Key = InfoHash;
    const SlotTable<Record>* table;
    const Key& operator()(uint32_t slot) const { return (*table)[slot].info_hash; }
  };

  template <size_t kPeerBytes>
  Answer AnnounceIn(Record* record, SwarmPeers<kPeerBytes>* peers, const BitTorrentAnnounce& announce,
                    uint64_t tick, uint8_t* out) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Adds a new peer, last heard of `age` ticks ago, unless a limit refuses it.
  template <size_t kPeerBytes>
  BitTorrentOutcome Insert(const Record& record, SwarmPeers<kPeerBytes>* peers, const uint8_t* wire,
                           bool seeder, uint8_t now, uint8_t age,
                           typename SwarmPeers<kPeerBytes>::Place* place)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  template <size_t kPeerBytes>
  void RestoreIn(Record* record, SwarmPeers<kPeerBytes>* peers, const Peer& peer, uint8_t now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Record* Find(const InfoHash& info_hash) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Record* Add(const InfoHash& info_hash, uint64_t tick) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Forget(uint32_t slot) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CountLapsed(uint32_t peers) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Sweeps one bucket of one address family of the swarm at the cursor, and advances the cursor.
  void SweepOne(uint8_t now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const PeerHash hasher_;
  BitTorrentUsage* const usage_;

  mutable Mutex mutex_;
  RandomSource random_ ABSL_GUARDED_BY(mutex_);
  SlotTable<Record> table_ ABSL_GUARDED_BY(mutex_);
  SlotSet<KeyByInfoHash> by_hash_ ABSL_GUARDED_BY(mutex_);
  // The sweep's cursor: a slot, and a bucket of it (those of IPv4 first).
  uint32_t sweep_slot_ ABSL_GUARDED_BY(mutex_) = 0;
  uint32_t sweep_bucket_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t round_began_ ABSL_GUARDED_BY(mutex_) = 0;  // tick
};

}  // namespace shoal::tracker
