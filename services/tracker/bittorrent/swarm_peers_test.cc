#include "services/tracker/bittorrent/swarm_peers.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "gtest/gtest.h"
#include "shoal/base/byte_order.h"

namespace shoal::tracker {
namespace {

using Peers = SwarmPeers<6>;
using Wire = std::array<uint8_t, 6>;

Wire Peer(uint32_t number) {
  Wire wire{10, 0, 0, 0, 0x1a, 0xe1};
  StoreBig(0x0a000000u + number, wire.data());
  return wire;
}

uint32_t NumberOf(const uint8_t* wire) {
  return LoadBig<uint32_t>(wire) - 0x0a000000u;
}

class SwarmPeersTest : public ::testing::Test {
 protected:
  void Put(uint32_t number, bool seeder, uint8_t now) {
    const Wire wire = Peer(number);
    const Peers::Place place = peers_.Find(wire.data(), hasher_, now, &swept_);
    if (place.found()) peers_.Remove(place, now);
    peers_.Insert(wire.data(), hasher_, seeder, now, 0);
  }
  bool Has(uint32_t number, uint8_t now) {
    const Wire wire = Peer(number);
    return peers_.Find(wire.data(), hasher_, now, &swept_).found();
  }
  // The numbers of the peers that are handed out.
  std::vector<uint32_t> HandOut(bool seeders, uint32_t count, Peers::Place except, uint8_t now) {
    std::vector<uint8_t> wire(size_t{count} * 6);
    const uint32_t copied = peers_.HandOut(seeders, count, except, now, &random_, &swept_, wire.data());
    std::vector<uint32_t> numbers;
    for (uint32_t i = 0; i < copied; ++i) numbers.push_back(NumberOf(wire.data() + size_t{i} * 6));
    return numbers;
  }

  const PeerHash hasher_{7};
  RandomSource random_{1};
  Peers peers_;
  uint32_t swept_ = 0;
};

TEST_F(SwarmPeersTest, AgreesWithAMapThroughGrowthAndDecline) {
  std::map<uint32_t, bool> model;
  RandomSource random(3);
  for (uint32_t step = 0; step < 60'000; ++step) {
    // Grows to about 3,000 peers, then shrinks to a few.
    const bool grows = step < 30'000;
    const uint32_t number = random.Below(4000);
    const bool seeder = random.Below(3) == 0;
    if (random.Below(10) < (grows ? 8u : 1u)) {
      Put(number, seeder, 5);
      model[number] = seeder;
    } else {
      const Wire wire = Peer(number);
      const Peers::Place place = peers_.Find(wire.data(), hasher_, 5, &swept_);
      ASSERT_EQ(place.found(), model.contains(number));
      if (place.found()) {
        ASSERT_EQ(peers_.seeder(place), model[number]);
        peers_.Remove(place, 5);
        model.erase(number);
      }
    }
    ASSERT_EQ(peers_.size(), model.size());
  }
  const auto seeders =
      static_cast<uint32_t>(std::count_if(model.begin(), model.end(), [](auto& one) { return one.second; }));
  EXPECT_EQ(peers_.seeders(), seeders);
  for (const auto& [number, seeder] : model) EXPECT_TRUE(Has(number, 5)) << number;
  while (!model.empty()) {
    const Wire wire = Peer(model.begin()->first);
    peers_.Remove(peers_.Find(wire.data(), hasher_, 5, &swept_), 5);
    model.erase(model.begin());
  }
  EXPECT_EQ(peers_.size(), 0u);
  EXPECT_EQ(peers_.buckets(), 1u);
  EXPECT_EQ(swept_, 0u);
}

TEST_F(SwarmPeersTest, BucketsStaySmallInALargeSwarm) {
  for (uint32_t number = 0; number < 50'000; ++number) Put(number, number % 2 == 0, 5);
  uint32_t largest = 0;
  for (uint32_t number = 0; number < peers_.buckets(); ++number)
    largest = std::max(largest, peers_.bucket(number).size());
  EXPECT_LT(largest, 600u);
}

TEST_F(SwarmPeersTest, ListsEachPeerOfAKindOnceAndNotTheCaller) {
  for (const uint32_t size : {1u, 2u, 7u, 50u, 150u, 1000u}) {
    peers_ = Peers();
    for (uint32_t number = 0; number < size; ++number) Put(number, number % 2 == 1, 5);
    for (uint32_t caller = 0; caller < std::min(size, 20u); ++caller) {
      const Wire wire = Peer(caller);
      const Peers::Place place = peers_.Find(wire.data(), hasher_, 5, &swept_);
      for (const bool seeders : {false, true}) {
        const uint32_t others =
            (seeders ? peers_.seeders() : peers_.leechers()) - (seeders == (caller % 2 == 1) ? 1 : 0);
        const std::vector<uint32_t> given = HandOut(seeders, 30, place, 5);
        EXPECT_EQ(given.size(), std::min(30u, others)) << size << " " << caller;
        EXPECT_EQ(std::set<uint32_t>(given.begin(), given.end()).size(), given.size());
        for (const uint32_t number : given) {
          EXPECT_NE(number, caller);
          EXPECT_EQ(number % 2 == 1, seeders);
        }
      }
    }
  }
}

TEST_F(SwarmPeersTest, ListsAllPeersAboutEquallyOften) {
  for (const uint32_t size : {60u, 2000u}) {
    peers_ = Peers();
    for (uint32_t number = 0; number < size; ++number) Put(number, false, 5);
    std::vector<uint32_t> times(size);
    const uint32_t rounds = size * 20;
    for (uint32_t round = 0; round < rounds; ++round) {
      for (const uint32_t number : HandOut(false, 20, {}, 5)) ++times[number];
    }
    // 400 times each on average; buckets differ in size by a factor of some three.
    EXPECT_GT(*std::min_element(times.begin(), times.end()), 100u) << size;
    EXPECT_LT(*std::max_element(times.begin(), times.end()), 1200u) << size;
  }
}

TEST_F(SwarmPeersTest, LapsedPeersAreNeverListedAndAreRemoved) {
  for (const uint32_t size : {100u, 3000u}) {
    peers_ = Peers();
    swept_ = 0;
    // The clock's byte wraps around on the way.
    for (uint32_t number = 0; number < size; number += 2) Put(number, false, 200);
    for (uint32_t number = 1; number < size; number += 2) Put(number, false, 250);
    const uint8_t now = static_cast<uint8_t>(200 + PeerClock::kTicksPerLife);
    for (int round = 0; round < 500; ++round) {
      for (const uint32_t number : HandOut(false, 40, {}, static_cast<uint8_t>(now - 1)))
        ASSERT_LT(number, size);
    }
    EXPECT_EQ(swept_, 0u);
    for (int round = 0; round < 500; ++round) {
      for (const uint32_t number : HandOut(false, 40, {}, now)) ASSERT_EQ(number % 2, 1u);
    }
    for (uint32_t number = 0; number < peers_.buckets(); ++number) swept_ += peers_.SweepBucket(number, now);
    EXPECT_EQ(swept_, size / 2);
    EXPECT_EQ(peers_.leechers(), size / 2);
  }
}

TEST_F(SwarmPeersTest, ARenewedPeerStays) {
  Put(1, true, 10);
  const Wire wire = Peer(1);
  for (uint32_t tick = 10; tick < 2000; tick += 100) {
    const auto now = static_cast<uint8_t>(tick);
    const Peers::Place place = peers_.Find(wire.data(), hasher_, now, &swept_);
    ASSERT_TRUE(place.found()) << tick;
    peers_.Renew(place, now);
  }
}

}  // namespace
}  // namespace shoal::tracker
