#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "services/tracker/bittorrent/peer_bucket.h"
#include "services/tracker/tables/random_source.h"

namespace shoal::tracker {

// The totals of a BitTorrent swarm, over both address families.
struct SwarmCounts {
  uint32_t seeders = 0;
  uint32_t leechers = 0;
  uint32_t completed = 0;  // finished downloads

  friend bool operator==(const SwarmCounts&, const SwarmCounts&) = default;
};

// Hashes a peer's wire form with a per-process seed, so that an attacker can't choose peers that collide. A
// small value; thread-safe.
class PeerHash {
 public:
  explicit PeerHash(uint64_t seed) : seed_(seed) {}

  template <size_t kPeerBytes>
  uint32_t operator()(const uint8_t* peer) const {
    uint64_t hash = seed_;
    for (size_t at = 0; at < kPeerBytes; at += 8) {
      uint64_t word = 0;
      std::memcpy(&word, peer + at, std::min<size_t>(8, kPeerBytes - at));
      hash = Mix(hash ^ word);
    }
    return static_cast<uint32_t>(hash >> 32);
  }

 private:
  static uint64_t Mix(uint64_t x) {
    x = (x ^ (x >> 31)) * 0x7fb5d329728ea185;
    x = (x ^ (x >> 27)) * 0x81dadef4bc2dd44d;
    return x ^ (x >> 33);
  }

  uint64_t seed_;
};

// The peers of one swarm and one address family. A swarm of up to about 200 peers is one bucket of memory. A
// larger one is divided into buckets by a hash of the peer, one more bucket at a time (linear hashing), so
// that no search, growth or sweep touches more than a few hundred peers at once. Takes 16 bytes besides the
// buckets. Not thread-safe.
template <size_t kPeerBytes>
class SwarmPeers {
 public:
  using Bucket = PeerBucket<kPeerBytes>;

  // The place of a peer; valid until the next change.
  struct Place {
    uint32_t bucket = 0;
    uint32_t index = Bucket::kNone;
    bool found() const { return index != Bucket::kNone; }
  };

  uint32_t leechers() const { return many_ ? many_->leechers : one_.leechers(); }
  uint32_t seeders() const { return many_ ? many_->seeders : one_.seeders(); }
  uint32_t size() const { return leechers() + seeders(); }
  uint32_t buckets() const { return many_ ? static_cast<uint32_t>(many_->buckets.size()) : 1; }
  const Bucket& bucket(uint32_t number) const { return many_ ? many_->buckets[number] : one_; }

  // Prefetches the memory that Find reads first, as far as it is known without waiting.
  void Prefetch() const {
    if (many_) {
      __builtin_prefetch(many_.get());
    } else {
      one_.Prefetch();
    }
  }

  // First removes lapsed peers from the bucket that would hold `peer`, and adds their number to `swept`.
  Place Find(const uint8_t* peer, const PeerHash& hasher, uint8_t now, uint32_t* swept) {
    const uint32_t hash = hasher.operator()<kPeerBytes>(peer);
    const uint32_t number = BucketOf(hash);
    *swept += SweepBucket(number, now);
    return {number, At(number).Find(peer, Tag(hash))};
  }

  bool seeder(Place place) const { return bucket(place.bucket).seeder(place.index); }
  void Renew(Place place, uint8_t now) { At(place.bucket).Renew(place.index, now); }

  // `age`: ticks before `now` at which it was last heard of.
  Place Insert(const uint8_t* peer, const PeerHash& hasher, bool seeder, uint8_t now, uint8_t age) {
    if (size() >= buckets() * kSplitAt) Split(hasher, now);
    const uint32_t hash = hasher.operator()<kPeerBytes>(peer);
    const uint32_t number = BucketOf(hash);
    Count(seeder, 1);
    return {number, At(number).Insert(peer, Tag(hash), seeder, now, age)};
  }

  void Remove(Place place, uint8_t now) {
    Count(seeder(place), -1);
    At(place.bucket).Remove(place.index);
    Tidy(now);
  }

  // Removes the lapsed peers of one bucket, if there may be any. Returns: how many.
  uint32_t SweepBucket(uint32_t number, uint8_t now) {
    Bucket& bucket = At(number);
    if (!bucket.SweepDue(now)) return 0;
    const typename Bucket::Swept swept = bucket.Sweep(now);
    Count(false, -static_cast<int32_t>(swept.leechers));
    Count(true, -static_cast<int32_t>(swept.seeders));
    return swept.leechers + swept.seeders;
  }

  // Frees memory of buckets that a sweep has emptied.
  void Tidy(uint8_t now) {
    while (many_ && size() < buckets() * kJoinAt) Join(now);
  }

  // Copies up to `count` peers of one kind to `to`, without `except`, none twice and none lapsed: a stretch
  // from a random place of each of some random buckets. Returns: how many; adds to `swept`.
  uint32_t HandOut(bool seeders, uint32_t count, Place except, uint8_t now, RandomSource* random,
                   uint32_t* swept, uint8_t* to) {
    if (count == 0) return 0;
    uint32_t copied = 0;
    const uint32_t all = buckets();
    const uint32_t visits = std::min(all, kMaxVisits);
    uint32_t number = all == 1 ? 0 : random->Below(all);
    for (uint32_t visit = 0; visit < visits && copied < count;
         ++visit, number = number + 1 == all ? 0 : number + 1) {
      *swept += SweepBucket(number, now);
      const Bucket& bucket = At(number);
      const uint32_t there = seeders ? bucket.seeders() : bucket.leechers();
      if (there == 0) continue;
      // Takes a few from each of several buckets, so that the same peers are not always returned together.
      const uint32_t spread = std::min(visits, kSpread);
      const uint32_t share = visit + 1 >= spread ? count - copied : (count - copied) / (spread - visit);
      const uint32_t most = std::min(count - copied, std::max(kStretch, share));
      copied += bucket.Copy(seeders, random->Below(there), most,
                            number == except.bucket ? except.index : Bucket::kNone,
                            to + size_t{copied} * kPeerBytes);
    }
    return copied;
  }

 private:
  static constexpr uint32_t kSplitAt = 192;  // peers a bucket, on average
  static constexpr uint32_t kJoinAt = 48;
  static constexpr uint32_t kStretch = 8;
  static constexpr uint32_t kSpread = 4;  // buckets, when they have enough
  // Bounds the walk over a swarm with few peers of the wanted kind.
  static constexpr uint32_t kMaxVisits = 16;

  struct Many {
    std::vector<Bucket> buckets;
    uint32_t leechers = 0;
    uint32_t seeders = 0;
  };

  static uint8_t Tag(uint32_t hash) { return static_cast<uint8_t>(hash >> 24); }
  static uint32_t BucketOf(uint32_t hash, uint32_t buckets) {
    const uint32_t round = std::bit_floor(buckets);
    const uint32_t number = hash & (2 * round - 1);
    return number < buckets ? number : number & (round - 1);
  }
  uint32_t BucketOf(uint32_t hash) const { return many_ ? BucketOf(hash, buckets()) : 0; }
  Bucket& At(uint32_t number) { return many_ ? many_->buckets[number] : one_; }

  void Count(bool seeder, int32_t change) {
    if (many_) (seeder ? many_->seeders : many_->leechers) += static_cast<uint32_t>(change);
  }

  // Adds a bucket, which takes its share of the one that it splits off from.
  void Split(const PeerHash& hasher, uint8_t now) {
    if (!many_) {
      many_ = std::make_unique<Many>();
      many_->leechers = one_.leechers();
      many_->seeders = one_.seeders();
      many_->buckets.push_back(std::move(one_));
    }
    const uint32_t number = buckets();
    many_->buckets.emplace_back();
    Bucket& added = many_->buckets[number];
    Bucket& from = many_->buckets[number - std::bit_floor(number)];
    for (uint32_t index = from.size(); index-- > 0;) {
      const uint32_t hash = hasher.operator()<kPeerBytes>(from.peer(index));
      if (BucketOf(hash, number + 1) != number) continue;
      added.Insert(from.peer(index), Tag(hash), from.seeder(index), now, from.age(index, now));
      from.Remove(index);
    }
  }

  // Merges the last bucket into the one that it was split off from.
  void Join(uint8_t now) {
    Bucket last = std::move(many_->buckets.back());
    many_->buckets.pop_back();
    const uint32_t number = buckets();
    Bucket& to = many_->buckets[number - std::bit_floor(number)];
    for (uint32_t index = 0; index < last.size(); ++index) {
      to.Insert(last.peer(index), last.tag(index), last.seeder(index), now, last.age(index, now));
    }
    if (number == 1) {
      one_ = std::move(many_->buckets[0]);
      many_.reset();
    }
  }

  Bucket one_;
  std::unique_ptr<Many> many_;  // then one_ is empty
};

}  // namespace shoal::tracker
