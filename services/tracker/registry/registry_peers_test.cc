#include "services/tracker/registry/registry.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/tracker/registry/registry_test_fixture.h"
#include "services/tracker/registry/test_requests.h"

namespace shoal::tracker {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

TEST_F(RegistryTest, NamesPeersButNotTheCaller) {
  const auto first = registry_->Register(TestSeeder(1, TestContent(1), 50));
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->ttl, kLease);
  EXPECT_EQ(first->heartbeat_interval, absl::Seconds(10));
  EXPECT_NE(first->lease_id.value(), 0u);
  EXPECT_THAT(first->peers, IsEmpty());

  const auto second = registry_->Register(TestRegister(2, TestContent(1), 3, 50));
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_THAT(second->peers, ElementsAre(tracking::PeerInfo{TestPeerId(1), TestEndpoint(1), true, 10, 4}));

  EXPECT_THAT(PeersOf(TestContentId(1)), UnorderedElementsAre(TestPeerId(1), TestPeerId(2)));
  EXPECT_THAT(PeersOf(TestContentId(1), TestPeerId(1)), ElementsAre(TestPeerId(2)));
  EXPECT_EQ(registry_->Lookup({TestContentId(2), std::nullopt, 0}).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(registry_->Lookup({std::string("no"), std::nullopt, 0}).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(RegistryTest, ReportersOfOneForeignNetworkAreOne) {
  const tracking::ContentSummary content = TestContent(1);
  tracking::RegisterRequest reported = TestSeeder(100, content);
  reported.endpoint.ip = *IpAddress::Parse("198.51.100.7");
  Register(reported);
  const auto report = [&](uint32_t reporter, const char* source) {
    const tracking::LeaseId own = Register(TestRegister(reporter, content, 1));
    tracking::HeartbeatRequest beat = TestHeartbeat(reporter, {own});
    beat.reports = {{own, TestPeerId(100), tracking::PeerReport::Reason::kDead}};
    EXPECT_TRUE(registry_->Heartbeat(beat, *IpAddress::Parse(source)).ok());
  };
  const auto handed_out = [&] {
    const auto found = registry_->Lookup({content.id, std::nullopt, 50});
    return std::any_of(found->peers.begin(), found->peers.end(),
                       [](const tracking::PeerInfo& peer) { return peer.id == TestPeerId(100); });
  };
  for (uint32_t invented = 1; invented < 20; ++invented) report(invented, "203.0.113.5");
  report(21, "203.0.113.6");
  report(22, "2001:db8::1");
  EXPECT_TRUE(handed_out());
  report(23, "2001:db8:1::1");
  EXPECT_FALSE(handed_out());
}

TEST_F(RegistryTest, APeerThatSeveralReportIsLeftOutUntilItRegistersAgain) {
  const tracking::ContentSummary content = TestContent(1);
  const tracking::LeaseId reported = Register(TestSeeder(100, content));
  const auto report = [&](uint32_t reporter, tracking::PeerReport::Reason reason) {
    const tracking::LeaseId own = Register(TestRegister(reporter, content, 1));
    tracking::HeartbeatRequest beat = TestHeartbeat(reporter, {own});
    beat.reports = {{own, TestPeerId(100), reason}};
    EXPECT_TRUE(registry_->Heartbeat(beat).ok());
    EXPECT_TRUE(registry_->Heartbeat(beat).ok());
  };
  const auto handed_out = [&] {
    const auto found = registry_->Lookup({content.id, std::nullopt, 50});
    return std::any_of(found->peers.begin(), found->peers.end(),
                       [](const tracking::PeerInfo& peer) { return peer.id == TestPeerId(100); });
  };
  // A repeated report counts once, and a peer without a lease of that content has no say.
  report(1, tracking::PeerReport::Reason::kDead);
  report(2, tracking::PeerReport::Reason::kDead);
  tracking::HeartbeatRequest stranger = TestHeartbeat(50, {});
  stranger.reports = {{reported, TestPeerId(100), tracking::PeerReport::Reason::kDead}};
  EXPECT_TRUE(registry_->Heartbeat(stranger).ok());
  EXPECT_TRUE(handed_out());
  report(3, tracking::PeerReport::Reason::kDead);
  EXPECT_FALSE(handed_out());
  // A peer that is alive after all is told to register, and then is handed out again.
  EXPECT_THAT(registry_->Heartbeat(TestHeartbeat(100, {reported}))->register_again, ElementsAre(reported));
  Register(TestSeeder(100, content));
  EXPECT_TRUE(handed_out());
  // A peer reported as lying is not notified.
  for (const uint32_t reporter : {4u, 5u, 6u}) report(reporter, tracking::PeerReport::Reason::kLying);
  EXPECT_FALSE(handed_out());
  EXPECT_THAT(registry_->Heartbeat(TestHeartbeat(100, {reported}))->register_again, IsEmpty());
  EXPECT_FALSE(handed_out());
}

TEST_F(RegistryTest, PeersOfTheSameSiteComeFirst) {
  const tracking::ContentSummary content = TestContent(1);
  for (uint32_t peer = 1; peer <= 200; ++peer) {
    tracking::RegisterRequest seeder = TestSeeder(peer, content);
    seeder.site = peer % 2 == 0 ? "berlin" : "oslo";
    Register(seeder);
  }
  const auto near = [&](const std::string& site) {
    const auto found = registry_->Lookup({content.id, std::nullopt, 40, site});
    EXPECT_EQ(found->peers.size(), 40u);
    return std::count_if(found->peers.begin(), found->peers.end(),
                         [](const tracking::PeerInfo& peer) { return TestPeerAt(peer.endpoint) % 2 == 0; });
  };
  EXPECT_EQ(near("berlin"), 30);
  EXPECT_EQ(near("oslo"), 10);
  EXPECT_EQ(registry_->GetSwarm(content.id)->peers[0].site, "oslo");
}

// Each newcomer is given some of the present peers. If their graph fell apart when some of them leave,
// chunks could not pass from one part to the other.
TEST_F(RegistryTest, ASwarmStaysConnectedWhenAThirdLeaves) {
  uint32_t next_content = 1;
  for (const uint32_t size : {20u, 200u, 1000u}) {
    for (const uint32_t told : {10u, 20u, 50u}) {
      const tracking::ContentSummary content = TestContent(next_content++);
      std::vector<std::set<uint32_t>> neighbours(size);
      const auto number = [](const tracking::PeerInfo& peer) { return TestPeerAt(peer.endpoint) - 1; };
      for (uint32_t peer = 0; peer < size; ++peer) {
        // A few are complete, and some have no free slot.
        tracking::RegisterRequest request =
            TestRegister(peer + 1, content, peer % 16 == 0 ? content.chunk_count : 1, told);
        request.site = "site-" + std::to_string(peer % 4);
        request.free_slots = peer % 5;
        const auto registered = registry_->Register(request);
        ASSERT_TRUE(registered.ok()) << registered.status();
        EXPECT_EQ(registered->peers.size(), std::min(told, peer));
        for (const tracking::PeerInfo& other : registered->peers) {
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
      EXPECT_EQ(seen.size(), left) << size << " peers, each given " << told;
    }
  }
}

TEST_F(RegistryTest, ResponseIsCappedAndSampled) {
  for (uint32_t peer = 1; peer <= 1000; ++peer) Register(TestSeeder(peer, TestContent(1)));
  EXPECT_THAT(PeersOf(TestContentId(1)), SizeIs(tracking::kDefaultPeersPerResponse));
  const auto most = registry_->Lookup({TestContentId(1), std::nullopt, 5000});
  EXPECT_THAT(most->peers, SizeIs(tracking::kMaxPeersPerResponse));
  std::set<PeerId> seen;
  for (int i = 0; i < 200; ++i) {
    for (const PeerId& peer : PeersOf(TestContentId(1))) seen.insert(peer);
  }
  EXPECT_GT(seen.size(), 990u);
  EXPECT_THAT(registry_->GetSwarm(TestContentId(1))->peers, SizeIs(1000));
}

}  // namespace
}  // namespace shoal::tracker
