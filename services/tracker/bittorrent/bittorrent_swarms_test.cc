#include "services/tracker/bittorrent/bittorrent_swarms.h"

#include <array>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace shoal::tracker {
namespace {

Endpoint PeerAt(uint32_t number) {
  std::array<uint8_t, 4> ip;
  StoreBig(0x0a000000u + number, ip.data());
  return {IpAddress::V4(ip), static_cast<uint16_t>(7000 + number % 1000)};
}

InfoHash Hash(uint32_t number) {
  std::array<uint8_t, 20> bytes{};
  StoreBig(number * 2'654'435'761u, bytes.data());
  StoreBig(number, bytes.data() + 16);
  return InfoHash(bytes);
}

Endpoint V6(uint32_t number) {
  return *Endpoint::Parse("[2001:db8::" + std::to_string(number % 1000) +
                          "]:" + std::to_string(6000 + number));
}

class BitTorrentSwarmsTest : public ::testing::Test {
 protected:
  static BitTorrentSwarms::Options Tight() {
    BitTorrentSwarms::Options options;
    options.limits.max_swarms = 2;
    options.limits.max_peers = 5;
    options.limits.max_peers_per_swarm = 3;
    return options;
  }

  BitTorrentAnnounce Of(uint32_t swarm, const Endpoint& peer, bool seeder, uint32_t wanted = 0) {
    BitTorrentAnnounce announce;
    announce.info_hash = Hash(swarm);
    announce.peer = peer;
    announce.seeder = seeder;
    announce.wanted = wanted;
    return announce;
  }
  BitTorrentSwarms::Answer Announce(const BitTorrentAnnounce& announce) {
    return swarms_.Announce(announce, now_, out_.data());
  }
  std::set<uint16_t> PortsGiven(const BitTorrentSwarms::Answer& answer, size_t peer_bytes) {
    std::set<uint16_t> ports;
    for (uint32_t i = 0; i < answer.peers; ++i)
      ports.insert(LoadBig<uint16_t>(out_.data() + (i + 1) * peer_bytes - 2));
    return ports;
  }

  BitTorrentSwarms swarms_{{}};
  absl::Duration now_ = absl::Hours(100);
  std::array<uint8_t, 4000> out_;
};

TEST_F(BitTorrentSwarmsTest, LeechersGetBothKindsAndSeedersLeechers) {
  for (uint16_t port = 1; port <= 10; ++port) Announce(Of(1, {PeerAt(1).ip, port}, port <= 5));
  const auto leecher = Announce(Of(1, {PeerAt(1).ip, 10}, false, 50));
  EXPECT_EQ(leecher.counts, (SwarmCounts{5, 5, 0}));
  EXPECT_EQ(PortsGiven(leecher, 6), (std::set<uint16_t>{1, 2, 3, 4, 5, 6, 7, 8, 9}));
  const auto seeder = Announce(Of(1, {PeerAt(1).ip, 1}, true, 50));
  EXPECT_EQ(PortsGiven(seeder, 6), (std::set<uint16_t>{6, 7, 8, 9, 10}));
  EXPECT_EQ(Announce(Of(1, {PeerAt(1).ip, 10}, false, 4)).peers, 4u);
  EXPECT_EQ(Announce(Of(1, {PeerAt(1).ip, 10}, false, 0)).peers, 0u);
}

TEST_F(BitTorrentSwarmsTest, FamiliesAreCountedTogetherAndListedApart) {
  Announce(Of(1, PeerAt(1), true));
  Announce(Of(1, V6(1), true));
  const auto answer = Announce(Of(1, V6(2), false, 50));
  EXPECT_EQ(answer.counts, (SwarmCounts{2, 1, 0}));
  EXPECT_EQ(PortsGiven(answer, 18), (std::set<uint16_t>{6001}));
  const std::array<uint8_t, 16> wire = V6(1).ip.bytes();
  EXPECT_TRUE(std::equal(wire.begin(), wire.end(), out_.begin()));
}

TEST_F(BitTorrentSwarmsTest, CompletedCountsOnceAndOnlyForALeecherThatWasSeen) {
  BitTorrentAnnounce done = Of(1, PeerAt(1), true);
  done.completed = true;
  EXPECT_EQ(Announce(done).counts.completed, 0u);
  Announce(Of(1, PeerAt(2), false));
  done.peer = PeerAt(2);
  EXPECT_EQ(Announce(done).counts, (SwarmCounts{2, 0, 1}));
  EXPECT_EQ(Announce(done).counts.completed, 1u);
  EXPECT_EQ(swarms_.Scrape(Hash(1)), (SwarmCounts{2, 0, 1}));
  EXPECT_EQ(swarms_.Scrape(Hash(2)), SwarmCounts());
}

TEST_F(BitTorrentSwarmsTest, AStoppedPeerLeavesAndMakesNoSwarm) {
  Announce(Of(1, PeerAt(1), false));
  BitTorrentAnnounce stop = Of(1, PeerAt(1), false, 50);
  stop.stopped = true;
  EXPECT_EQ(Announce(stop).counts, SwarmCounts());
  EXPECT_EQ(Announce(stop).peers, 0u);
  stop.info_hash = Hash(2);
  Announce(stop);
  EXPECT_EQ(swarms_.usage().swarms.count(), 1u);
  EXPECT_EQ(swarms_.usage().peers.count(), 0u);
}

TEST_F(BitTorrentSwarmsTest, SilentPeersExpireAndTheSweepFreesTheirMemory) {
  const absl::Duration life = swarms_.options().life;
  for (uint32_t peer = 0; peer < 3000; ++peer) Announce(Of(peer % 7, PeerAt(peer), peer % 3 == 0));
  EXPECT_EQ(swarms_.usage().peers.count(), 3000u);
  now_ += life * 127 / 128 - swarms_.sweep_interval();
  swarms_.Sweep(now_);
  EXPECT_EQ(swarms_.usage().peers.count(), 3000u);
  Announce(Of(0, PeerAt(0), true));
  now_ += 2 * swarms_.sweep_interval();
  EXPECT_EQ(Announce(Of(1, PeerAt(9999), false, 200)).peers, 0u);
  for (int tick = 0; tick < 40; ++tick, now_ += swarms_.sweep_interval()) swarms_.Sweep(now_);
  EXPECT_EQ(swarms_.usage().peers.count(), 2u);
  EXPECT_EQ(swarms_.usage().swarms.count(), 2u);
  EXPECT_EQ(swarms_.usage().lapsed.load(), 2999u);
  now_ += life;
  for (int tick = 0; tick < 40; ++tick, now_ += swarms_.sweep_interval()) swarms_.Sweep(now_);
  EXPECT_EQ(swarms_.usage().swarms.count(), 0u);
}

TEST_F(BitTorrentSwarmsTest, LimitsApplyToNewPeersAndSwarms) {
  BitTorrentSwarms swarms(Tight());
  const auto outcome = [&](uint32_t swarm, uint32_t peer) {
    return swarms.Announce(Of(swarm, PeerAt(peer), false), now_, out_.data()).outcome;
  };
  EXPECT_EQ(outcome(1, 1), BitTorrentOutcome::kDone);
  EXPECT_EQ(outcome(1, 2), BitTorrentOutcome::kDone);
  EXPECT_EQ(outcome(1, 3), BitTorrentOutcome::kDone);
  EXPECT_EQ(outcome(1, 4), BitTorrentOutcome::kSwarmFull);
  EXPECT_EQ(outcome(2, 1), BitTorrentOutcome::kDone);
  EXPECT_EQ(outcome(2, 2), BitTorrentOutcome::kDone);
  EXPECT_EQ(outcome(2, 3), BitTorrentOutcome::kTooManyPeers);
  EXPECT_EQ(outcome(3, 1), BitTorrentOutcome::kTooManySwarms);
  EXPECT_EQ(outcome(1, 1), BitTorrentOutcome::kDone);
}

TEST_F(BitTorrentSwarmsTest, ListsAllSwarmsInPages) {
  for (uint32_t swarm = 0; swarm < 500; ++swarm) Announce(Of(swarm, PeerAt(1), true));
  std::set<InfoHash> listed;
  BitTorrentSwarms::Cursor cursor;
  for (bool more = true; more;) {
    std::vector<BitTorrentSwarms::Swarm> page;
    more = swarms_.Page(&cursor, 7, &page);
    EXPECT_LE(page.size(), 7u);
    for (const auto& swarm : page) EXPECT_TRUE(listed.insert(swarm.info_hash).second);
  }
  EXPECT_EQ(listed.size(), 500u);
}

TEST_F(BitTorrentSwarmsTest, DescribesASwarmWithItsPeers) {
  Announce(Of(1, PeerAt(1), true));
  now_ += 10 * swarms_.sweep_interval();
  Announce(Of(1, V6(2), false));
  std::vector<BitTorrentShard::Peer> peers;
  const auto swarm = swarms_.Describe(Hash(1), now_, 100, &peers);
  ASSERT_TRUE(swarm.has_value());
  EXPECT_EQ(swarm->counts, (SwarmCounts{1, 1, 0}));
  ASSERT_EQ(peers.size(), 2u);
  EXPECT_EQ(peers[0].endpoint, PeerAt(1));
  EXPECT_TRUE(peers[0].seeder);
  EXPECT_EQ(peers[0].age_ticks, 10u);
  EXPECT_EQ(peers[1].endpoint, V6(2));
  EXPECT_FALSE(swarms_.Describe(Hash(2), now_, 100, &peers).has_value());
}

}  // namespace
}  // namespace shoal::tracker
