#include "services/tracker/bittorrent/bittorrent_shard.h"

#include <algorithm>
#include <cstring>

#include "services/tracker/tables/peer_selection.h"
#include "shoal/base/byte_order.h"

namespace shoal::tracker {
namespace {

// A sweep visits all peers in an eighth of a life, so that lapsed peers do not stay long, and no stamp
// reaches the age at which its meaning changes.
constexpr uint64_t kTicksPerRound = PeerClock::kTicksPerLife / 8;
// Buckets that one call sweeps under the lock: about ten microseconds.
constexpr uint32_t kBucketsPerSweep = 64;
// Slots that one page looks at, used or not.
constexpr uint32_t kSlotsPerPage = 4096;

// A peer in wire form: the last bytes of the address, and the port.
template <size_t kPeerBytes>
std::array<uint8_t, kPeerBytes> WirePeer(const Endpoint& peer) {
  constexpr size_t kAddressBytes = kPeerBytes - 2;
  std::array<uint8_t, kPeerBytes> wire;
  std::memcpy(wire.data(), peer.ip.bytes().data() + 16 - kAddressBytes, kAddressBytes);
  StoreBig(peer.port, wire.data() + kAddressBytes);
  return wire;
}

template <size_t kPeerBytes>
Endpoint EndpointOf(const uint8_t* wire) {
  constexpr size_t kAddressBytes = kPeerBytes - 2;
  std::array<uint8_t, kAddressBytes> address;
  std::memcpy(address.data(), wire, kAddressBytes);
  const auto port = LoadBig<uint16_t>(wire + kAddressBytes);
  if constexpr (kAddressBytes == 4) {
    return {IpAddress::V4(address), port};
  } else {
    return {IpAddress(address), port};
  }
}

template <size_t kPeerBytes>
void DescribePeers(const SwarmPeers<kPeerBytes>& swarm, uint64_t tick, uint32_t max_peers,
                   std::vector<BitTorrentShard::Peer>* peers) {
  const auto now = static_cast<uint8_t>(tick);
  for (uint32_t number = 0; number < swarm.buckets(); ++number) {
    const PeerBucket<kPeerBytes>& bucket = swarm.bucket(number);
    for (uint32_t index = 0; index < bucket.size() && peers->size() < max_peers; ++index) {
      const uint8_t age = bucket.age(index, now);
      if (age >= PeerClock::kTicksPerLife) continue;
      peers->push_back({EndpointOf<kPeerBytes>(bucket.peer(index)), bucket.seeder(index), age});
    }
  }
}

}  // namespace

BitTorrentShard::BitTorrentShard(uint64_t seed, BitTorrentUsage* usage)
    : hasher_(RandomSource(seed).Next()),
      usage_(usage),
      random_(seed),
      table_(1u << 31),
      by_hash_(MakeSlotSet(KeyByInfoHash{&table_})) {}

BitTorrentShard::Answer BitTorrentShard::Announce(const BitTorrentAnnounce& announce, uint64_t tick,
                                                  uint8_t* peers) {
  MutexLock lock(&mutex_);
  Record* record = Find(announce.info_hash);
  if (record == nullptr) {
    if (announce.stopped) return {};
    record = Add(announce.info_hash, tick);
    if (record == nullptr) return {BitTorrentOutcome::kTooManySwarms, {}, 0};
  }
  return announce.peer.ip.is_v4() ? AnnounceIn(record, &record->v4, announce, tick, peers)
                                  : AnnounceIn(record, &record->v6, announce, tick, peers);
}

template <size_t kPeerBytes>
BitTorrentShard::Answer BitTorrentShard::AnnounceIn(Record* record, SwarmPeers<kPeerBytes>* peers,
                                                    const BitTorrentAnnounce& announce, uint64_t tick,
                                                    uint8_t* out) {
  const auto now = static_cast<uint8_t>(tick);
  const auto wire = WirePeer<kPeerBytes>(announce.peer);
  uint32_t lapsed = 0;
  auto place = peers->Find(wire.data(), hasher_, now, &lapsed);
  Answer answer;
  if (announce.stopped) {
    if (place.found()) {
      peers->Remove(place, now);
      usage_->peers.Subtract(1);
    }
    CountLapsed(lapsed);
    answer.counts = record->counts();
    return answer;
  }
  if (!place.found()) {
    answer.outcome = Insert(*record, peers, wire.data(), announce.seeder, now, 0, &place);
    if (answer.outcome != BitTorrentOutcome::kDone) {
      CountLapsed(lapsed);
      return answer;
    }
  } else if (peers->seeder(place) == announce.seeder) {
    peers->Renew(place, now);
  } else {
    // Only a peer that was seen as a leecher can complete: repeated claims do not drive up the count.
    if (announce.seeder && announce.completed) ++record->completed;
    peers->Remove(place, now);
    place = peers->Insert(wire.data(), hasher_, announce.seeder, now, 0);
  }

  const uint32_t leechers = peers->leechers() - (announce.seeder ? 0 : 1);
  const uint32_t seeders = announce.seeder ? 0 : peers->seeders();
  const uint32_t wanted_seeders = CompleteShare(announce.wanted, seeders, leechers, seeders, leechers);
  const uint32_t wanted_leechers = std::min(leechers, announce.wanted - wanted_seeders);
  answer.peers = peers->HandOut(false, wanted_leechers, place, now, &random_, &lapsed, out);
  answer.peers += peers->HandOut(true, wanted_seeders, place, now, &random_, &lapsed,
                                 out + size_t{answer.peers} * kPeerBytes);
  CountLapsed(lapsed);
  answer.counts = record->counts();
  return answer;
}

void BitTorrentShard::Prefetch(const InfoHash& info_hash, PrefetchStep step) {
  MutexLock lock(&mutex_);
  const auto found = by_hash_.find(MaybeKey<InfoHash>{info_hash});
  if (found == by_hash_.end()) return;
  const Record& record = table_[*found];
  if (step == PrefetchStep::kSwarm) {
    __builtin_prefetch(&record);
  } else {
    record.v4.Prefetch();
    if (record.v6.size() > 0) record.v6.Prefetch();
  }
}

template <size_t kPeerBytes>
BitTorrentOutcome BitTorrentShard::Insert(const Record& record, SwarmPeers<kPeerBytes>* peers,
                                          const uint8_t* wire, bool seeder, uint8_t now, uint8_t age,
                                          typename SwarmPeers<kPeerBytes>::Place* place) {
  if (record.leechers() + record.seeders() >= usage_->max_peers_per_swarm.load(std::memory_order_relaxed)) {
    usage_->full_swarms.fetch_add(1, std::memory_order_relaxed);
    return BitTorrentOutcome::kSwarmFull;
  }
  if (!usage_->peers.TryAdd(1)) return BitTorrentOutcome::kTooManyPeers;
  *place = peers->Insert(wire, hasher_, seeder, now, age);
  return BitTorrentOutcome::kDone;
}

void BitTorrentShard::Restore(const InfoHash& info_hash, uint32_t completed, const Peer& peer,
                              uint64_t tick) {
  MutexLock lock(&mutex_);
  Record* record = Find(info_hash);
  if (record == nullptr) {
    record = Add(info_hash, tick);
    if (record == nullptr) return;
    record->completed = completed;
  }
  const auto now = static_cast<uint8_t>(tick);
  if (peer.endpoint.ip.is_v4()) {
    RestoreIn(record, &record->v4, peer, now);
  } else {
    RestoreIn(record, &record->v6, peer, now);
  }
}

template <size_t kPeerBytes>
void BitTorrentShard::RestoreIn(Record* record, SwarmPeers<kPeerBytes>* peers, const Peer& peer,
                                uint8_t now) {
  const auto wire = WirePeer<kPeerBytes>(peer.endpoint);
  uint32_t lapsed = 0;
  auto place = peers->Find(wire.data(), hasher_, now, &lapsed);
  if (!place.found()) Insert(*record, peers, wire.data(), peer.seeder, now, peer.age_ticks, &place);
  CountLapsed(lapsed);
}

SwarmCounts BitTorrentShard::Scrape(const InfoHash& info_hash) {
  MutexLock lock(&mutex_);
  const Record* const record = Find(info_hash);
  return record == nullptr ? SwarmCounts() : record->counts();
}

bool BitTorrentShard::Sweep(uint64_t tick) {
  MutexLock lock(&mutex_);
  const uint64_t end = table_.end();
  if (sweep_slot_ >= end) {
    if (tick - round_began_ < kTicksPerRound) return true;
    round_began_ = tick;
    sweep_slot_ = 0;
    sweep_bucket_ = 0;
  }
  const uint64_t passed = std::min(tick - round_began_ + 1, kTicksPerRound);
  const uint64_t target = (end * passed + kTicksPerRound - 1) / kTicksPerRound;
  for (uint32_t swept = 0; swept < kBucketsPerSweep && sweep_slot_ < target; ++swept) {
    SweepOne(static_cast<uint8_t>(tick));
  }
  return sweep_slot_ >= target;
}

void BitTorrentShard::SweepOne(uint8_t now) {
  Record& record = table_[sweep_slot_];
  if (record.used && !record.empty()) {
    const uint32_t v4_buckets = record.v4.buckets();
    if (sweep_bucket_ < v4_buckets) {
      CountLapsed(record.v4.SweepBucket(sweep_bucket_++, now));
      return;
    }
    if (const uint32_t number = sweep_bucket_ - v4_buckets;
        number < record.v6.buckets() && record.v6.size() > 0) {
      CountLapsed(record.v6.SweepBucket(number, now));
      ++sweep_bucket_;
      return;
    }
    record.v4.Tidy(now);
    record.v6.Tidy(now);
  }
  if (record.used && record.empty()) Forget(sweep_slot_);
  ++sweep_slot_;
  sweep_bucket_ = 0;
}

std::optional<uint32_t> BitTorrentShard::Page(uint32_t from, uint32_t count,
                                              std::vector<Swarm>* swarms) const {
  MutexLock lock(&mutex_);
  for (uint32_t slot = from; slot < table_.end(); ++slot) {
    if (count == 0 || slot - from == kSlotsPerPage) return slot;
    const Record& record = table_[slot];
    if (!record.used || record.empty()) continue;
    swarms->push_back({record.info_hash, record.counts(), record.first_tick});
    --count;
  }
  return std::nullopt;
}

std::optional<BitTorrentShard::Swarm> BitTorrentShard::Describe(
    const InfoHash& info_hash, uint64_t tick, uint32_t max_peers,
    std::vector<BitTorrentShard::Peer>* peers) const {
  MutexLock lock(&mutex_);
  const auto found = by_hash_.find(info_hash);
  if (found == by_hash_.end()) return std::nullopt;
  const Record& record = table_[*found];
  DescribePeers(record.v4, tick, max_peers, peers);
  DescribePeers(record.v6, tick, max_peers, peers);
  return Swarm{record.info_hash, record.counts(), record.first_tick};
}

BitTorrentShard::Record* BitTorrentShard::Find(const InfoHash& info_hash) {
  const auto found = by_hash_.find(info_hash);
  return found == by_hash_.end() ? nullptr : &table_[*found];
}

BitTorrentShard::Record* BitTorrentShard::Add(const InfoHash& info_hash, uint64_t tick) {
  if (!usage_->swarms.TryAdd(1)) return nullptr;
  const uint32_t slot = *table_.Take();  // never fails: memory runs out before slots do
  Record& record = table_[slot];
  record.info_hash = info_hash;
  record.first_tick = static_cast<uint32_t>(tick);
  record.used = true;
  by_hash_.insert(slot);
  return &record;
}

void BitTorrentShard::Forget(uint32_t slot) {
  by_hash_.erase(slot);
  table_.Give(slot);
  usage_->swarms.Subtract(1);
}

void BitTorrentShard::CountLapsed(uint32_t peers) {
  if (peers == 0) return;
  usage_->peers.Subtract(peers);
  usage_->lapsed.fetch_add(peers, std::memory_order_relaxed);
}

}  // namespace shoal::tracker
