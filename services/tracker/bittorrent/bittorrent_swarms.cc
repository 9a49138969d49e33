#include "services/tracker/bittorrent/bittorrent_swarms.h"

#include "services/tracker/tables/random_source.h"

namespace shoal::tracker {

BitTorrentSwarms::BitTorrentSwarms(const Options& options)
    : options_(options),
      tick_nanoseconds_(absl::ToInt64Nanoseconds(sweep_interval())),
      usage_(options.limits) {
  RandomSource seeds(options.seed);
  for (uint32_t number = 0; number < kShards; ++number) {
    shards_.push_back(std::make_unique<BitTorrentShard>(seeds.Next(), &usage_));
  }
}

BitTorrentSwarms::Answer BitTorrentSwarms::Announce(const BitTorrentAnnounce& announce, absl::Duration now,
                                                    uint8_t* peers) {
  return ShardOf(announce.info_hash).Announce(announce, Tick(now), peers);
}

SwarmCounts BitTorrentSwarms::Scrape(const InfoHash& info_hash) {
  return ShardOf(info_hash).Scrape(info_hash);
}

void BitTorrentSwarms::Restore(const InfoHash& info_hash, uint32_t completed, const Endpoint& peer,
                               bool seeder, absl::Duration silent, absl::Duration now) {
  // Rounded up: a peer may lapse a tick early, never late.
  const uint64_t age = Tick(silent + sweep_interval() - absl::Nanoseconds(1));
  if (age >= PeerClock::kTicksPerLife) return;
  ShardOf(info_hash).Restore(info_hash, completed, {peer, seeder, static_cast<uint8_t>(age)}, Tick(now));
}

void BitTorrentSwarms::Sweep(absl::Duration now) {
  for (const auto& shard : shards_) {
    while (!shard->Sweep(Tick(now))) {
    }
  }
}

bool BitTorrentSwarms::Page(Cursor* cursor, uint32_t count, std::vector<Swarm>* swarms) const {
  if (cursor->shard >= kShards) return false;
  const std::optional<uint32_t> next = shards_[cursor->shard]->Page(cursor->slot, count, swarms);
  *cursor = next ? Cursor{cursor->shard, *next} : Cursor{cursor->shard + 1, 0};
  return cursor->shard < kShards;
}

std::optional<BitTorrentSwarms::Swarm> BitTorrentSwarms::Describe(
    const InfoHash& info_hash, absl::Duration now, uint32_t max_peers,
    std::vector<BitTorrentShard::Peer>* peers) const {
  return ShardOf(info_hash).Describe(info_hash, Tick(now), max_peers, peers);
}

uint64_t BitTorrentSwarms::Tick(absl::Duration now) const {
  // In whole nanoseconds: a division of durations would cost more than everything else here.
  return static_cast<uint64_t>(absl::ToInt64Nanoseconds(now) / tick_nanoseconds_);
}

BitTorrentShard& BitTorrentSwarms::ShardOf(const InfoHash& info_hash) const {
  // Clients choose info hashes, but to be found by others they use real ones, which are uniformly
  // distributed.
  return *shards_[info_hash.bytes()[0] % kShards];
}

}  // namespace shoal::tracker
