#include "services/tracker/registry.h"

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/tracker/test_requests.h"
#include "shoal/base/manual_clock.h"

namespace shoal::tracker {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

constexpr absl::Duration kLease = absl::Seconds(30);

class RegistryTest : public ::testing::Test {
 protected:
  RegistryTest() { Restart({}); }

  void Restart(const Registry::Options& options) {
    Registry::Options seeded = options;
    seeded.seed = ++seed_;
    registry_ = std::make_unique<Registry>(seeded, &clock_);
  }

  LeaseId Register(const RegisterRequest& request) {
    const auto reply = registry_->Register(request);
    EXPECT_TRUE(reply.ok()) << reply.status();
    return reply.ok() ? reply->lease_id : LeaseId();
  }

  std::vector<PeerId> PeersOf(const ContentKey& key, std::optional<PeerId> exclude = std::nullopt) {
    const auto reply = registry_->Lookup({key, exclude, 0});
    EXPECT_TRUE(reply.ok()) << reply.status();
    std::vector<PeerId> peers;
    if (reply.ok()) {
      for (const PeerInfo& peer : reply->peers) peers.push_back(peer.id);
    }
    return peers;
  }

  std::vector<std::string> Listed(const std::string& contains = "") {
    const auto reply = registry_->ListContents({contains, 0, ""});
    EXPECT_TRUE(reply.ok()) << reply.status();
    std::vector<std::string> names;
    for (const ContentStatus& content : reply->contents) names.push_back(content.summary.name);
    return names;
  }

  ManualClock clock_;
  uint64_t seed_ = 0;
  std::unique_ptr<Registry> registry_;
};

TEST_F(RegistryTest, HandsOutPeersButNotTheCaller) {
  const auto first = registry_->Register(TestSeeder(1, TestContent(1), 50));
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->ttl, kLease);
  EXPECT_EQ(first->heartbeat_interval, absl::Seconds(10));
  EXPECT_NE(first->lease_id.value(), 0u);
  EXPECT_THAT(first->peers, IsEmpty());

  const auto second = registry_->Register(TestRegister(2, TestContent(1), 3, 50));
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_THAT(second->peers, ElementsAre(PeerInfo{TestPeerId(1), TestEndpoint(1), true, 10, 4}));

  EXPECT_THAT(PeersOf(TestContentId(1)), UnorderedElementsAre(TestPeerId(1), TestPeerId(2)));
  EXPECT_THAT(PeersOf(TestContentId(1), TestPeerId(1)), ElementsAre(TestPeerId(2)));
  EXPECT_EQ(registry_->Lookup({TestContentId(2), std::nullopt, 0}).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(registry_->Lookup({std::string("no"), std::nullopt, 0}).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(RegistryTest, LeaseLapsesExactly) {
  Register(TestSeeder(1, TestContent(1)));
  clock_.Advance(kLease - absl::Milliseconds(1));
  EXPECT_THAT(PeersOf(TestContentId(1)), SizeIs(1));
  clock_.Advance(absl::Milliseconds(1));
  const auto reply = registry_->Lookup({TestContentId(1), std::nullopt, 0});
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_THAT(reply->peers, IsEmpty());
  EXPECT_EQ(reply->contents[0].seeders, 0u);
  EXPECT_EQ(registry_->stats().lapsed_leases, 1u);
}

TEST_F(RegistryTest, HeartbeatRenewsAndALapsedOneIsToldToRegister) {
  const LeaseId lease = Register(TestSeeder(1, TestContent(1)));
  for (int i = 0; i < 10; ++i) {
    clock_.Advance(kLease - absl::Milliseconds(1));
    const auto reply = registry_->Heartbeat(TestHeartbeat(1, {lease}));
    ASSERT_TRUE(reply.ok()) << reply.status();
    EXPECT_THAT(reply->register_again, IsEmpty());
    registry_->Advance();
  }
  clock_.Advance(kLease);
  EXPECT_THAT(registry_->Heartbeat(TestHeartbeat(1, {lease}))->register_again, ElementsAre(lease));
  const LeaseId again = Register(TestSeeder(1, TestContent(1)));
  EXPECT_NE(again, lease);
  EXPECT_THAT(PeersOf(TestContentId(1)), SizeIs(1));
}

TEST_F(RegistryTest, ALeaseIsItsPeersAlone) {
  const LeaseId lease = Register(TestSeeder(1, TestContent(1)));
  EXPECT_THAT(registry_->Heartbeat(TestHeartbeat(2, {lease}))->register_again, ElementsAre(lease));
  EXPECT_EQ(registry_->Leave({TestPeerId(2), {lease}}).ended, 0u);
  EXPECT_EQ(registry_->Leave({TestPeerId(2), {}}).ended, 0u);
  EXPECT_THAT(PeersOf(TestContentId(1)), SizeIs(1));
}

TEST_F(RegistryTest, RestartedTrackerIsWholeAgain) {
  std::vector<LeaseId> leases;
  for (uint32_t content = 0; content < 100; ++content)
    leases.push_back(Register(TestSeeder(1, TestContent(content))));
  Restart({});
  // Others have the slots already: an old lease must not be taken for one of theirs.
  for (uint32_t content = 0; content < 100; ++content) Register(TestSeeder(2, TestContent(content)));
  EXPECT_THAT(registry_->Heartbeat(TestHeartbeat(1, leases))->register_again,
              ::testing::ElementsAreArray(leases));
  leases.clear();
  for (uint32_t content = 0; content < 100; ++content)
    leases.push_back(Register(TestSeeder(1, TestContent(content))));
  EXPECT_THAT(registry_->Heartbeat(TestHeartbeat(1, leases))->register_again, IsEmpty());
  EXPECT_THAT(PeersOf(TestContentId(7)), SizeIs(2));
}

TEST_F(RegistryTest, RegisteringAgainReplacesAndKeepsTheLease) {
  const LeaseId lease = Register(TestRegister(1, TestContent(1), 3));
  RegisterRequest moved = TestSeeder(1, TestContent(1));
  moved.endpoint = TestEndpoint(99);
  moved.free_slots = 100'000;
  EXPECT_EQ(Register(moved), lease);
  auto reply = registry_->Lookup({TestContentId(1), std::nullopt, 0});
  EXPECT_THAT(reply->peers, ElementsAre(PeerInfo{TestPeerId(1), TestEndpoint(99), true, 10, 65'535}));
  EXPECT_EQ(registry_->stats().chunk_set_bytes, 0u);

  EXPECT_EQ(Register(TestRegister(1, TestContent(1), 0)), lease);
  reply = registry_->Lookup({TestContentId(1), std::nullopt, 0});
  EXPECT_THAT(reply->peers, ElementsAre(PeerInfo{TestPeerId(1), TestEndpoint(1), false, 0, 4}));
  EXPECT_EQ(reply->contents[0].seeders, 0u);
  EXPECT_EQ(reply->contents[0].leechers, 1u);
}

TEST_F(RegistryTest, AnotherSummaryForAKnownIdIsRefused) {
  Register(TestSeeder(1, TestContent(1)));
  for (const auto& change : std::vector<std::function<void(ContentSummary*)>>{
           [](ContentSummary* c) { c->name = "other"; }, [](ContentSummary* c) { ++c->length_bytes; },
           [](ContentSummary* c) { c->chunk_size_bytes *= 2; }, [](ContentSummary* c) { ++c->file_count; }}) {
    ContentSummary lie = TestContent(1);
    change(&lie);
    EXPECT_EQ(registry_->Register(TestSeeder(2, lie)).status().code(), absl::StatusCode::kAlreadyExists);
  }
  EXPECT_EQ(registry_->Register(TestSeeder(2, TestContent(1, "", 11))).status().code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(PeersOf(TestContentId(1)), ElementsAre(TestPeerId(1)));
}

TEST_F(RegistryTest, InvalidRegistrations) {
  const auto refused = [&](RegisterRequest request) { return registry_->Register(request).status(); };
  RegisterRequest request = TestSeeder(1, TestContent(1));
  request.endpoint.port = 0;
  EXPECT_THAT(std::string(refused(request).message()), HasSubstr("endpoint.port"));
  request = TestSeeder(1, TestContent(1));
  request.endpoint.ip = IpAddress::V4({0, 0, 0, 0});
  EXPECT_THAT(std::string(refused(request).message()), HasSubstr("endpoint.ip"));
  request = TestSeeder(1, TestContent(1));
  request.held = ChunkSet(11);
  EXPECT_EQ(refused(request).code(), absl::StatusCode::kInvalidArgument);
  request = TestSeeder(1, TestContent(1));
  request.peer_id = PeerId();
  EXPECT_EQ(refused(request).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Listed(), IsEmpty());
}

TEST_F(RegistryTest, HeartbeatsBringChunksUntilThePeerIsComplete) {
  const LeaseId lease = Register(TestRegister(1, TestContent(1), 0));
  const auto beat = [&](const std::vector<ChunkRange>& gained) {
    return registry_->Heartbeat(TestHeartbeat(1, {lease}, gained)).status();
  };
  EXPECT_TRUE(beat({{ChunkIndex(0), 2}}).ok());
  EXPECT_TRUE(beat({{ChunkIndex(1), 2}, {ChunkIndex(9), 1}}).ok());
  EXPECT_TRUE(beat({{ChunkIndex(9), 1}}).ok());  // the same again is as once
  auto swarm = registry_->GetSwarm(TestContentId(1));
  ASSERT_TRUE(swarm.ok()) << swarm.status();
  EXPECT_EQ(swarm->peers[0].peer.chunks_held, 4u);
  EXPECT_THAT(swarm->peers[0].held.Ranges(),
              ElementsAre(ChunkRange{ChunkIndex(0), 3}, ChunkRange{ChunkIndex(9), 1}));
  EXPECT_GT(registry_->stats().chunk_set_bytes, 0u);

  EXPECT_EQ(beat({{ChunkIndex(5), 6}}).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(registry_->GetSwarm(TestContentId(1))->peers[0].peer.chunks_held, 4u);

  EXPECT_TRUE(beat({{ChunkIndex(3), 6}}).ok());
  swarm = registry_->GetSwarm(TestContentId(1));
  EXPECT_TRUE(swarm->peers[0].peer.complete);
  EXPECT_TRUE(swarm->peers[0].held.full());
  EXPECT_EQ(swarm->content.seeders, 1u);
  EXPECT_EQ(registry_->stats().chunk_set_bytes, 0u);  // who has everything needs no bitmap
}

TEST_F(RegistryTest, AllAtOnceInTheFirstHeartbeat) {
  const LeaseId lease = Register(TestRegister(1, TestContent(1), 0));
  EXPECT_TRUE(registry_->Heartbeat(TestHeartbeat(1, {lease}, {{ChunkIndex(0), 10}})).ok());
  EXPECT_EQ(registry_->stats().complete_peers, 1u);
  EXPECT_EQ(registry_->stats().partial_peers, 0u);
}

TEST_F(RegistryTest, ABadBeatDoesNotHarmTheOthersOfItsMessage) {
  const LeaseId bad = Register(TestRegister(1, TestContent(1), 1));
  const LeaseId good = Register(TestRegister(1, TestContent(2), 1));
  HeartbeatRequest request = TestHeartbeat(1, {bad, good});
  request.leases[0].gained = {{ChunkIndex(10), 1}};
  clock_.Advance(kLease / 2);
  EXPECT_EQ(registry_->Heartbeat(request).status().code(), absl::StatusCode::kInvalidArgument);
  clock_.Advance(kLease / 2);
  EXPECT_THAT(PeersOf(TestContentId(2)), SizeIs(1));
  request.leases.resize(kMaxLeasesPerHeartbeat + 1);
  EXPECT_EQ(registry_->Heartbeat(request).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(RegistryTest, UnknownLeasesOfAnyShape) {
  const LeaseId lease = Register(TestSeeder(1, TestContent(1)));
  const std::vector<LeaseId> unknown = {LeaseId(0),
                                        LeaseId(1),
                                        LeaseId(~0ull),
                                        LeaseId(lease.value() ^ (1ull << 30)),
                                        LeaseId(lease.value() + 1),
                                        LeaseId(lease.value() ^ (1ull << 63))};
  EXPECT_THAT(registry_->Heartbeat(TestHeartbeat(1, unknown))->register_again,
              ::testing::ElementsAreArray(unknown));
  EXPECT_EQ(registry_->Leave({TestPeerId(1), unknown}).ended, 0u);
}

TEST_F(RegistryTest, GetSwarmTellsEverything) {
  const LeaseId lease = Register(TestRegister(1, TestContent(1), 2));
  clock_.Advance(absl::Seconds(5));
  HeartbeatRequest request = TestHeartbeat(1, {lease});
  request.leases[0].sent_bytes = 1'000'000'000'000;
  request.leases[0].received_bytes = 2;
  request.leases[0].send_rate_bytes_per_second = 123'456;
  request.leases[0].receive_rate_bytes_per_second = 7;
  ASSERT_TRUE(registry_->Heartbeat(request).ok());
  clock_.Advance(absl::Seconds(1));
  const auto swarm = registry_->GetSwarm(std::string("content-1"));
  ASSERT_TRUE(swarm.ok()) << swarm.status();
  ASSERT_THAT(swarm->peers, SizeIs(1));
  const SwarmPeer& peer = swarm->peers[0];
  EXPECT_EQ(peer.lease_id, lease);
  EXPECT_EQ(peer.lease_left, kLease - absl::Seconds(1));
  EXPECT_EQ(peer.registered, clock_.Now() - absl::Seconds(6));
  EXPECT_EQ(swarm->content.first_seen, clock_.Now() - absl::Seconds(6));
  EXPECT_EQ(peer.totals.sent_bytes, 1'000'000'000'000u);
  EXPECT_EQ(peer.totals.received_bytes, 2u);
  EXPECT_EQ(peer.totals.send_rate_bytes_per_second, 123'456u);
  EXPECT_EQ(peer.totals.receive_rate_bytes_per_second, 7u);
}

TEST_F(RegistryTest, TwoContentsOfOneName) {
  Register(TestSeeder(1, TestContent(1, "same")));
  clock_.Advance(absl::Seconds(1));
  const LeaseId newer = Register(TestSeeder(2, TestContent(2, "same")));
  const auto both = registry_->Lookup({std::string("same"), std::nullopt, 0});
  ASSERT_TRUE(both.ok()) << both.status();
  ASSERT_THAT(both->contents, SizeIs(2));
  EXPECT_EQ(both->contents[0].summary.id, TestContentId(2));  // the newest first
  EXPECT_THAT(both->peers, IsEmpty());
  const absl::Status ambiguous = registry_->GetSwarm(std::string("same")).status();
  EXPECT_EQ(ambiguous.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(ambiguous.message()), HasSubstr(TestContentId(1).ToHex()));
  EXPECT_THAT(std::string(ambiguous.message()), HasSubstr(TestContentId(2).ToHex()));

  // What nobody serves any more does not stand beside what somebody does.
  registry_->Leave({TestPeerId(2), {newer}});
  EXPECT_THAT(PeersOf(std::string("same")), ElementsAre(TestPeerId(1)));
  EXPECT_TRUE(registry_->GetSwarm(std::string("same")).ok());
}

TEST_F(RegistryTest, ContentWithoutPeersIsKnownForAWhileButNotListed) {
  const LeaseId lease = Register(TestSeeder(1, TestContent(1)));
  const absl::Time first_seen = clock_.Now();
  EXPECT_THAT(Listed(), ElementsAre("content-1"));
  registry_->Leave({TestPeerId(1), {lease}});
  EXPECT_THAT(Listed(), IsEmpty());
  EXPECT_THAT(PeersOf(TestContentId(1)), IsEmpty());
  EXPECT_THAT(PeersOf(std::string("content-1")), IsEmpty());

  clock_.Advance(absl::Minutes(9));
  registry_->Advance();
  Register(TestSeeder(1, TestContent(1)));
  EXPECT_EQ(registry_->Lookup({TestContentId(1), std::nullopt, 0})->contents[0].first_seen, first_seen);

  clock_.Advance(kLease + absl::Seconds(1));
  registry_->Advance();
  clock_.Advance(absl::Minutes(11));
  registry_->Advance();
  EXPECT_EQ(registry_->Lookup({TestContentId(1), std::nullopt, 0}).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(registry_->Lookup({std::string("content-1"), std::nullopt, 0}).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(registry_->stats().known_contents, 0u);
}

TEST_F(RegistryTest, ListsByNameInPages) {
  for (uint32_t content = 0; content < 25; ++content) {
    Register(TestSeeder(1, TestContent(content, std::string(1, static_cast<char>('a' + content)) + "-file")));
  }
  std::vector<std::string> names;
  ListContentsRequest request{"", 10, ""};
  int pages = 0;
  do {
    const auto page = registry_->ListContents(request);
    ASSERT_TRUE(page.ok()) << page.status();
    EXPECT_LE(page->contents.size(), 10u);
    for (const ContentStatus& content : page->contents) names.push_back(content.summary.name);
    request.page_token = page->next_page_token;
    ++pages;
  } while (!request.page_token.empty());
  EXPECT_EQ(pages, 3);
  EXPECT_EQ(names.size(), 25u);
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
  EXPECT_THAT(Listed("c-"), ElementsAre("c-file"));
  for (const char* token : {"x", "a/b", "a/zz", "/"}) {
    EXPECT_EQ(registry_->ListContents({"", 10, token}).status().code(), absl::StatusCode::kInvalidArgument)
        << token;
  }
}

TEST_F(RegistryTest, APeerThatSeveralReportIsHandedToNobodyUntilItRegistersAgain) {
  const ContentSummary content = TestContent(1);
  const LeaseId reported = Register(TestSeeder(100, content));
  const auto report = [&](uint32_t reporter, PeerReport::Reason reason) {
    const LeaseId own = Register(TestRegister(reporter, content, 1));
    HeartbeatRequest beat = TestHeartbeat(reporter, {own});
    beat.reports = {{own, TestPeerId(100), reason}};
    EXPECT_TRUE(registry_->Heartbeat(beat).ok());
    EXPECT_TRUE(registry_->Heartbeat(beat).ok());
  };
  const auto handed_out = [&] {
    const auto found = registry_->Lookup({content.id, std::nullopt, 50});
    return std::any_of(found->peers.begin(), found->peers.end(),
                       [](const PeerInfo& peer) { return peer.id == TestPeerId(100); });
  };
  // One that says it twice is one, and who has no lease of that content has no say.
  report(1, PeerReport::Reason::kDead);
  report(2, PeerReport::Reason::kDead);
  HeartbeatRequest stranger = TestHeartbeat(50, {});
  stranger.reports = {{reported, TestPeerId(100), PeerReport::Reason::kDead}};
  EXPECT_TRUE(registry_->Heartbeat(stranger).ok());
  EXPECT_TRUE(handed_out());
  report(3, PeerReport::Reason::kDead);
  EXPECT_FALSE(handed_out());
  // It is not dead, so it hears that it has to register, and is there again.
  EXPECT_THAT(registry_->Heartbeat(TestHeartbeat(100, {reported}))->register_again, ElementsAre(reported));
  Register(TestSeeder(100, content));
  EXPECT_TRUE(handed_out());
  // Who lies is not told.
  for (const uint32_t reporter : {4u, 5u, 6u}) report(reporter, PeerReport::Reason::kLying);
  EXPECT_FALSE(handed_out());
  EXPECT_THAT(registry_->Heartbeat(TestHeartbeat(100, {reported}))->register_again, IsEmpty());
  EXPECT_FALSE(handed_out());
}

TEST_F(RegistryTest, PeersOfTheSameSiteComeFirst) {
  const ContentSummary content = TestContent(1);
  for (uint32_t peer = 1; peer <= 200; ++peer) {
    RegisterRequest seeder = TestSeeder(peer, content);
    seeder.site = peer % 2 == 0 ? "berlin" : "oslo";
    Register(seeder);
  }
  const auto near = [&](const std::string& site) {
    const auto found = registry_->Lookup({content.id, std::nullopt, 40, site});
    EXPECT_EQ(found->peers.size(), 40u);
    return std::count_if(found->peers.begin(), found->peers.end(), [](const PeerInfo& peer) {
      return LoadBig<uint32_t>(peer.id.bytes().data()) % 2 == 0;
    });
  };
  EXPECT_EQ(near("berlin"), 30);
  EXPECT_EQ(near("oslo"), 10);
  EXPECT_EQ(registry_->GetSwarm(content.id)->peers[0].site, "oslo");
}

// Each newcomer hears of some of those that are there. Were they to fall apart when some of them go, chunks
// could not get from one part to the other.
TEST_F(RegistryTest, ASwarmHoldsTogetherWhenAThirdOfItGoes) {
  for (const uint32_t size : {20u, 200u, 1000u}) {
    const ContentSummary content = TestContent(size);
    std::vector<std::set<uint32_t>> neighbours(size);
    const auto number = [](const PeerInfo& peer) { return LoadBig<uint32_t>(peer.id.bytes().data()) - 1; };
    for (uint32_t peer = 0; peer < size; ++peer) {
      RegisterRequest request = TestRegister(peer + 1, content, 1, 20);
      request.site = "site-" + std::to_string(peer % 4);
      const auto registered = registry_->Register(request);
      ASSERT_TRUE(registered.ok()) << registered.status();
      for (const PeerInfo& other : registered->peers) {
        neighbours[peer].insert(number(other));
        neighbours[number(other)].insert(peer);
      }
    }
    const auto stays = [](uint32_t peer) { return peer % 3 != 1; };
    std::vector<uint32_t> reached = {0};
    std::set<uint32_t> seen = {0};
    while (!reached.empty()) {
      const uint32_t peer = reached.back();
      reached.pop_back();
      for (const uint32_t other : neighbours[peer]) {
        if (stays(other) && seen.insert(other).second) reached.push_back(other);
      }
    }
    uint32_t left = 0;
    for (uint32_t peer = 0; peer < size; ++peer) left += stays(peer) ? 1 : 0;
    EXPECT_EQ(seen.size(), left) << size;
  }
}

TEST_F(RegistryTest, ListsAndShowsBitTorrentsSwarmsBesideItsOwn) {
  Register(TestSeeder(1, TestContent(1, "a file")));
  std::array<uint8_t, 6> peers;
  for (uint8_t number = 1; number <= 25; ++number) {
    BitTorrentAnnounce announce;
    announce.info_hash = InfoHash({number, number});
    announce.peer = TestEndpoint(number);
    announce.seeder = true;
    registry_->bittorrent()->Announce(announce, clock_.Uptime(), peers.data());
  }
  EXPECT_EQ(registry_->stats().bittorrent_swarms, 25u);
  const auto list = [&](const std::string& name_contains) {
    std::set<InfoHash> listed;
    ListContentsRequest request{name_contains, 10, ""};
    do {
      const auto page = registry_->ListContents(request);
      EXPECT_TRUE(page.ok()) << page.status();
      EXPECT_LE(page->contents.size() + page->bittorrent_swarms.size(), 10u);
      for (const BitTorrentSwarm& swarm : page->bittorrent_swarms) listed.insert(swarm.info_hash);
      request.page_token = page->next_page_token;
    } while (!request.page_token.empty());
    return listed;
  };
  EXPECT_EQ(list("").size(), 25u);
  EXPECT_EQ(list("0707"), std::set<InfoHash>{InfoHash({7, 7})});
  EXPECT_THAT(Listed(""), ElementsAre("a file"));

  clock_.Advance(absl::Minutes(1));
  const auto swarm = registry_->GetSwarm(InfoHash({7, 7}));
  ASSERT_TRUE(swarm.ok()) << swarm.status();
  EXPECT_EQ(swarm->bittorrent_swarm->seeders, 1u);
  ASSERT_EQ(swarm->bittorrent_peers.size(), 1u);
  EXPECT_EQ(swarm->bittorrent_peers[0].endpoint, TestEndpoint(7));
  EXPECT_GE(swarm->bittorrent_peers[0].silent_for, absl::Seconds(50));
  EXPECT_EQ(registry_->GetSwarm(InfoHash({8, 7})).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(registry_->Lookup({InfoHash({7, 7}), {}, 0}).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(RegistryTest, LeaveEndsNamedOrAllLeases) {
  std::vector<LeaseId> leases;
  for (uint32_t content = 0; content < 200; ++content) {
    leases.push_back(Register(TestSeeder(1, TestContent(content))));
    Register(TestSeeder(2, TestContent(content)));
  }
  EXPECT_EQ(registry_->Leave({TestPeerId(1), {leases[0], leases[1]}}).ended, 2u);
  EXPECT_EQ(registry_->Leave({TestPeerId(1), {leases[0], leases[2]}}).ended, 1u);
  EXPECT_THAT(PeersOf(TestContentId(0)), ElementsAre(TestPeerId(2)));
  EXPECT_EQ(registry_->Leave({TestPeerId(1), {}}).ended, 197u);
  EXPECT_EQ(registry_->Leave({TestPeerId(1), {}}).ended, 0u);
  EXPECT_EQ(registry_->stats().complete_peers, 200u);
  EXPECT_EQ(registry_->stats().left_leases, 200u);
}

TEST_F(RegistryTest, ReplyIsCappedAndSampled) {
  for (uint32_t peer = 1; peer <= 1000; ++peer) Register(TestSeeder(peer, TestContent(1)));
  EXPECT_THAT(PeersOf(TestContentId(1)), SizeIs(kDefaultPeersPerReply));
  const auto most = registry_->Lookup({TestContentId(1), std::nullopt, 5000});
  EXPECT_THAT(most->peers, SizeIs(kMaxPeersPerReply));
  std::set<PeerId> seen;
  for (int i = 0; i < 200; ++i) {
    for (const PeerId& peer : PeersOf(TestContentId(1))) seen.insert(peer);
  }
  EXPECT_GT(seen.size(), 990u);
  EXPECT_THAT(registry_->GetSwarm(TestContentId(1))->peers, SizeIs(1000));
}

TEST_F(RegistryTest, ContentWithoutChunksIsComplete) {
  const LeaseId lease = Register(TestSeeder(1, TestContent(1, "empty", 0)));
  EXPECT_TRUE(registry_->GetSwarm(TestContentId(1))->peers[0].peer.complete);
  EXPECT_TRUE(registry_->Heartbeat(TestHeartbeat(1, {lease})).ok());
}

TEST_F(RegistryTest, LimitsAreSaidClearly) {
  Registry::Options options;
  options.limits.max_contents = 3;
  options.limits.max_leases = 6;
  options.limits.max_peers_per_content = 4;
  options.limits.max_contents_per_name = 2;
  options.limits.max_chunk_set_bytes = 50;
  Restart(options);
  const auto refusal = [&](const RegisterRequest& request) {
    const absl::Status status = registry_->Register(request).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
    return std::string(status.message());
  };
  for (uint32_t peer = 1; peer <= 4; ++peer) Register(TestSeeder(peer, TestContent(1, "same")));
  EXPECT_THAT(refusal(TestSeeder(5, TestContent(1, "same"))), HasSubstr("4 peers of one content"));
  Register(TestSeeder(1, TestContent(2, "same")));
  EXPECT_THAT(refusal(TestSeeder(1, TestContent(3, "same"))), HasSubstr("2 contents of the name \"same\""));
  Register(TestRegister(1, TestContent(3), 1));
  EXPECT_THAT(refusal(TestSeeder(1, TestContent(4))), HasSubstr("3 contents"));
  EXPECT_THAT(refusal(TestSeeder(9, TestContent(2, "same"))), HasSubstr("6 leases"));
  // Who is known is renewed all the same, and what ends makes room.
  Register(TestSeeder(1, TestContent(2, "same")));
  registry_->Leave({TestPeerId(1), {}});
  EXPECT_EQ(registry_->stats().chunk_set_bytes, 0u);
  Register(TestRegister(1, TestContent(3), 1));
  EXPECT_THAT(refusal(TestRegister(2, TestContent(3), 1)), HasSubstr("chunk sets"));
  const LeaseId empty = Register(TestRegister(2, TestContent(3), 0));
  EXPECT_EQ(registry_->Heartbeat(TestHeartbeat(2, {empty}, {{ChunkIndex(0), 1}})).status().code(),
            absl::StatusCode::kResourceExhausted);
}

TEST_F(RegistryTest, MassExpiryFreesEverything) {
  for (uint32_t peer = 1; peer <= 5000; ++peer)
    Register(TestRegister(peer, TestContent(peer % 7), peer % 11));
  clock_.Advance(kLease + absl::Seconds(1));
  registry_->Advance();
  const Registry::Stats stats = registry_->stats();
  EXPECT_EQ(stats.complete_peers + stats.partial_peers, 0u);
  EXPECT_EQ(stats.contents, 0u);
  EXPECT_EQ(stats.lapsed_leases, 5000u);
  EXPECT_EQ(stats.chunk_set_bytes, 0u);
}

TEST_F(RegistryTest, ManyThreadsAtOnce) {
  std::vector<std::thread> threads;
  for (uint32_t thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      RandomSource random(thread);
      std::vector<LeaseId> leases;
      for (int i = 0; i < 500; ++i) {
        const auto reply = registry_->Register(TestRegister(
            thread * 100 + random.Below(20), TestContent(random.Below(9)), random.Below(11), 10));
        ASSERT_TRUE(reply.ok());
        static_cast<void>(registry_->Heartbeat(TestHeartbeat(thread * 100, {reply->lease_id})));
        static_cast<void>(registry_->Lookup({std::string("content-3"), std::nullopt, 10}));
        static_cast<void>(registry_->ListContents({}));
        static_cast<void>(registry_->GetSwarm(TestContentId(random.Below(9))));
        if (i % 10 == 0) registry_->Leave({TestPeerId(thread * 100 + random.Below(20)), {}});
        if (i % 50 == 0) clock_.Advance(absl::Seconds(4));
        if (i % 7 == 0) registry_->Advance();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  clock_.Advance(absl::Hours(1));
  registry_->Advance();
  EXPECT_EQ(registry_->stats().complete_peers + registry_->stats().partial_peers, 0u);
}

}  // namespace
}  // namespace shoal::tracker
