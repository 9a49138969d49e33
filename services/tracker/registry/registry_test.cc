#include "services/tracker/registry/registry.h"

#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/tracker/registry/registry_test_fixture.h"
#include "services/tracker/registry/test_requests.h"

namespace shoal::tracker {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_F(RegistryTest, LeaseLapsesExactly) {
  Register(TestSeeder(1, TestContent(1)));
  clock_.Advance(kLease - absl::Milliseconds(1));
  EXPECT_THAT(PeersOf(TestContentId(1)), SizeIs(1));
  clock_.Advance(absl::Milliseconds(1));
  const auto response = registry_->Lookup({TestContentId(1), std::nullopt, 0});
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_THAT(response->peers, IsEmpty());
  EXPECT_EQ(response->contents[0].seeders, 0u);
  EXPECT_EQ(registry_->stats().lapsed_leases, 1u);
}

TEST_F(RegistryTest, HeartbeatRenewsALeaseAndALapsedOneRegistersAgain) {
  const tracking::LeaseId lease = Register(TestSeeder(1, TestContent(1)));
  for (int i = 0; i < 10; ++i) {
    clock_.Advance(kLease - absl::Milliseconds(1));
    const auto response = registry_->Heartbeat(TestHeartbeat(1, {lease}));
    ASSERT_TRUE(response.ok()) << response.status();
    EXPECT_THAT(response->register_again, IsEmpty());
    registry_->Advance();
  }
  clock_.Advance(kLease);
  EXPECT_THAT(registry_->Heartbeat(TestHeartbeat(1, {lease}))->register_again, ElementsAre(lease));
  const tracking::LeaseId again = Register(TestSeeder(1, TestContent(1)));
  EXPECT_NE(again, lease);
  EXPECT_THAT(PeersOf(TestContentId(1)), SizeIs(1));
}

TEST_F(RegistryTest, ALeaseBelongsToItsPeerOnly) {
  const tracking::LeaseId lease = Register(TestSeeder(1, TestContent(1)));
  EXPECT_THAT(registry_->Heartbeat(TestHeartbeat(2, {lease}))->register_again, ElementsAre(lease));
  EXPECT_EQ(registry_->Leave(TestLeave(2, {lease}))->ended, 0u);
  EXPECT_EQ(registry_->Leave(TestLeave(2))->ended, 0u);
  EXPECT_THAT(PeersOf(TestContentId(1)), SizeIs(1));
}

TEST_F(RegistryTest, APeerIdWithoutItsSecretChangesNothing) {
  const tracking::LeaseId lease = Register(TestSeeder(1, TestContent(1)));
  const auto stranger = [](auto request, const PeerSecret& secret) {
    request.peer_secret = secret;
    return request;
  };
  tracking::RegisterRequest moved = TestSeeder(1, TestContent(1));
  moved.endpoint = TestEndpoint(66);
  for (const auto& [secret, code] : {std::pair(TestPeerSecret(2), absl::StatusCode::kPermissionDenied),
                                     std::pair(PeerSecret(), absl::StatusCode::kInvalidArgument)}) {
    EXPECT_EQ(registry_->Register(stranger(moved, secret)).status().code(), code);
    EXPECT_EQ(registry_->Heartbeat(stranger(TestHeartbeat(1, {lease}), secret)).status().code(), code);
    EXPECT_EQ(registry_->Leave(stranger(TestLeave(1, {lease}), secret)).status().code(), code);
    EXPECT_EQ(registry_->Leave(stranger(TestLeave(1), secret)).status().code(), code);
  }
  const auto found = registry_->Lookup({TestContentId(1), std::nullopt, 50});
  ASSERT_THAT(found->peers, SizeIs(1));
  EXPECT_EQ(found->peers[0].endpoint, TestEndpoint(1));
}

TEST_F(RegistryTest, ARestartedTrackerIsCompleteAgain) {
  std::vector<tracking::LeaseId> leases;
  for (uint32_t content = 0; content < 100; ++content)
    leases.push_back(Register(TestSeeder(1, TestContent(content))));
  Restart({});
  // Other leases occupy the slots by now: an old id must not match one of them.
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
  const tracking::LeaseId lease = Register(TestRegister(1, TestContent(1), 3));
  tracking::RegisterRequest moved = TestSeeder(1, TestContent(1));
  moved.endpoint = TestEndpoint(99);
  moved.free_slots = 100'000;
  EXPECT_EQ(Register(moved), lease);
  auto response = registry_->Lookup({TestContentId(1), std::nullopt, 0});
  EXPECT_THAT(response->peers,
              ElementsAre(tracking::PeerInfo{TestPeerId(1), TestEndpoint(99), true, 10, 65'535}));
  EXPECT_EQ(registry_->stats().chunk_set_bytes, 0u);

  EXPECT_EQ(Register(TestRegister(1, TestContent(1), 0)), lease);
  response = registry_->Lookup({TestContentId(1), std::nullopt, 0});
  EXPECT_THAT(response->peers, ElementsAre(tracking::PeerInfo{TestPeerId(1), TestEndpoint(1), false, 0, 4}));
  EXPECT_EQ(response->contents[0].seeders, 0u);
  EXPECT_EQ(response->contents[0].leechers, 1u);
}

TEST_F(RegistryTest, InvalidRegistrations) {
  const auto refused = [&](tracking::RegisterRequest request) {
    return registry_->Register(request).status();
  };
  tracking::RegisterRequest request = TestSeeder(1, TestContent(1));
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
  const tracking::LeaseId lease = Register(TestRegister(1, TestContent(1), 0));
  const auto beat = [&](const std::vector<ChunkRange>& gained) {
    return registry_->Heartbeat(TestHeartbeat(1, {lease}, gained)).status();
  };
  EXPECT_TRUE(beat({{ChunkIndex(0), 2}}).ok());
  EXPECT_TRUE(beat({{ChunkIndex(1), 2}, {ChunkIndex(9), 1}}).ok());
  EXPECT_TRUE(beat({{ChunkIndex(9), 1}}).ok());  // repeats change nothing
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
  EXPECT_EQ(registry_->stats().chunk_set_bytes, 0u);  // a complete peer needs no bitmap
}

TEST_F(RegistryTest, TheFirstHeartbeatMayCompleteAPeer) {
  const tracking::LeaseId lease = Register(TestRegister(1, TestContent(1), 0));
  EXPECT_TRUE(registry_->Heartbeat(TestHeartbeat(1, {lease}, {{ChunkIndex(0), 10}})).ok());
  EXPECT_EQ(registry_->stats().complete_peers, 1u);
  EXPECT_EQ(registry_->stats().partial_peers, 0u);
}

TEST_F(RegistryTest, ABadBeatDoesNotAffectOtherLeases) {
  const tracking::LeaseId bad = Register(TestRegister(1, TestContent(1), 1));
  const tracking::LeaseId good = Register(TestRegister(1, TestContent(2), 1));
  tracking::HeartbeatRequest request = TestHeartbeat(1, {bad, good});
  request.leases[0].gained = {{ChunkIndex(10), 1}};
  clock_.Advance(kLease / 2);
  EXPECT_EQ(registry_->Heartbeat(request).status().code(), absl::StatusCode::kInvalidArgument);
  clock_.Advance(kLease / 2);
  EXPECT_THAT(PeersOf(TestContentId(2)), SizeIs(1));
  request.leases.resize(tracking::kMaxLeasesPerHeartbeat + 1);
  EXPECT_EQ(registry_->Heartbeat(request).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(RegistryTest, UnknownLeasesRegisterAgain) {
  const tracking::LeaseId lease = Register(TestSeeder(1, TestContent(1)));
  const std::vector<tracking::LeaseId> unknown = {tracking::LeaseId(0),
                                                  tracking::LeaseId(1),
                                                  tracking::LeaseId(~0ull),
                                                  tracking::LeaseId(lease.value() ^ (1ull << 30)),
                                                  tracking::LeaseId(lease.value() + 1),
                                                  tracking::LeaseId(lease.value() ^ (1ull << 63))};
  EXPECT_THAT(registry_->Heartbeat(TestHeartbeat(1, unknown))->register_again,
              ::testing::ElementsAreArray(unknown));
  EXPECT_EQ(registry_->Leave(TestLeave(1, unknown))->ended, 0u);
}

// Ids that another tracker issued for the same peer and content, in the same shard and slot, are unknown.
TEST_F(RegistryTest, AnotherTrackersLeasesAreUnknown) {
  Registry::Options other_options;
  other_options.seed = seed_;  // and so the same nonces
  other_options.lease_key = {1};
  Registry other(other_options, &clock_);
  std::vector<tracking::LeaseId> mine;
  std::vector<tracking::LeaseId> theirs;
  for (uint32_t content = 0; content < 200; ++content) {
    mine.push_back(Register(TestSeeder(1, TestContent(content))));
    theirs.push_back(other.Register(TestSeeder(1, TestContent(content)))->lease_id);
  }
  clock_.Advance(kLease / 2);
  tracking::HeartbeatRequest request = TestHeartbeat(1, theirs);
  request.reports = {{theirs[0], TestPeerId(2), tracking::PeerReport::Reason::kDead}};
  EXPECT_THAT(registry_->Heartbeat(request)->register_again, ::testing::ElementsAreArray(theirs));
  EXPECT_EQ(registry_->Leave(TestLeave(1, theirs))->ended, 0u);
  EXPECT_EQ(registry_->stats().complete_peers, 200u);
  clock_.Advance(kLease / 2);  // nothing was renewed
  EXPECT_THAT(registry_->Heartbeat(TestHeartbeat(1, mine))->register_again,
              ::testing::ElementsAreArray(mine));
}

TEST_F(RegistryTest, LeaveEndsNamedOrAllLeases) {
  std::vector<tracking::LeaseId> leases;
  for (uint32_t content = 0; content < 200; ++content) {
    leases.push_back(Register(TestSeeder(1, TestContent(content))));
    Register(TestSeeder(2, TestContent(content)));
  }
  EXPECT_EQ(registry_->Leave(TestLeave(1, {leases[0], leases[1]}))->ended, 2u);
  EXPECT_EQ(registry_->Leave(TestLeave(1, {leases[0], leases[2]}))->ended, 1u);
  EXPECT_THAT(PeersOf(TestContentId(0)), ElementsAre(TestPeerId(2)));
  EXPECT_EQ(registry_->Leave(TestLeave(1))->ended, 197u);
  EXPECT_EQ(registry_->Leave(TestLeave(1))->ended, 0u);
  EXPECT_EQ(registry_->stats().complete_peers, 200u);
  EXPECT_EQ(registry_->stats().left_leases, 200u);
}

TEST_F(RegistryTest, ErrorsNameTheLimit) {
  Registry::Options options;
  options.limits.max_contents = 3;
  options.limits.max_leases = 6;
  options.limits.max_peers_per_content = 4;
  options.limits.max_contents_per_name = 2;
  options.limits.max_chunk_set_bytes = 50;
  Restart(options);
  const auto refusal = [&](const tracking::RegisterRequest& request) {
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
  // A known peer is renewed all the same, and ended leases make room.
  Register(TestSeeder(1, TestContent(2, "same")));
  ASSERT_TRUE(registry_->Leave(TestLeave(1)).ok());
  EXPECT_EQ(registry_->stats().chunk_set_bytes, 0u);
  Register(TestRegister(1, TestContent(3), 1));
  EXPECT_THAT(refusal(TestRegister(2, TestContent(3), 1)), HasSubstr("chunk sets"));
  const tracking::LeaseId empty = Register(TestRegister(2, TestContent(3), 0));
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
      std::vector<tracking::LeaseId> leases;
      for (int i = 0; i < 500; ++i) {
        const auto response = registry_->Register(TestRegister(
            thread * 100 + random.Below(20), TestContent(random.Below(9)), random.Below(11), 10));
        ASSERT_TRUE(response.ok());
        static_cast<void>(registry_->Heartbeat(TestHeartbeat(thread * 100, {response->lease_id})));
        static_cast<void>(registry_->Lookup({std::string("content-3"), std::nullopt, 10}));
        static_cast<void>(registry_->ListContents({}));
        static_cast<void>(registry_->GetSwarm(TestContentId(random.Below(9))));
        if (i % 10 == 0) static_cast<void>(registry_->Leave(TestLeave(thread * 100 + random.Below(20))));
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
