#include "services/tracker/state_file/state_file.h"

#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/tracker/registry/test_requests.h"
#include "shoal/base/manual_clock.h"

namespace shoal::tracker {
namespace {

using ::testing::HasSubstr;

class StateFileTest : public ::testing::Test {
 protected:
  StateFileTest() : path_(::testing::TempDir() + "shoal-state-" + TestName()) { std::remove(path_.c_str()); }
  ~StateFileTest() override { std::remove(path_.c_str()); }

  static std::string TestName() {
    return ::testing::UnitTest::GetInstance()->current_test_info()->name() + std::to_string(getpid());
  }

  ManualClock clock_;
  const std::string path_;
};

TEST_F(StateFileTest, ARestartKeepsEveryPeer) {
  {
    TrackerState before({}, &clock_);
    ASSERT_TRUE(before.registry()->Register(TestSeeder(1, TestContent(1))).ok());
    ASSERT_TRUE(before.registry()->Register(TestRegister(2, TestContent(1), 3)).ok());
    ASSERT_TRUE(before.registry()->Register(TestSeeder(3, TestContent(2))).ok());
    BitTorrentAnnounce announce;
    announce.info_hash = InfoHash({7});
    announce.peer = TestEndpoint(4);
    announce.seeder = true;
    before.bittorrent()->Announce(announce, clock_.Uptime(), nullptr);
    const auto saved = SaveState(path_, before, clock_);
    ASSERT_TRUE(saved.ok()) << saved.status();
    EXPECT_EQ(saved->contents, 2u);
    EXPECT_EQ(saved->peers, 3u);
    EXPECT_EQ(saved->swarms, 1u);
    EXPECT_EQ(saved->swarm_peers, 1u);
  }
  clock_.Advance(absl::Seconds(5));
  TrackerState after({}, &clock_);
  const auto loaded = LoadState(path_, &after, clock_);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->peers, 3u);
  EXPECT_EQ(loaded->swarm_peers, 1u);

  const auto found = after.registry()->Lookup({TestContentId(1), std::nullopt, 50});
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->contents[0].summary, TestContent(1));
  EXPECT_EQ(found->contents[0].seeders, 1u);
  EXPECT_EQ(found->contents[0].leechers, 1u);
  EXPECT_EQ(found->peers.size(), 2u);
  EXPECT_EQ(after.bittorrent()->Scrape(InfoHash({7})).seeders, 1u);
}

TEST_F(StateFileTest, AFreshFileEndsTheWarmUpAndAnOlderOneDoesNot) {
  TrackerState before({}, &clock_);
  ASSERT_TRUE(before.registry()->Register(TestSeeder(1, TestContent(1))).ok());
  ASSERT_TRUE(SaveState(path_, before, clock_).ok());
  TrackerState soon({}, &clock_);
  EXPECT_GT(soon.registry()->warming_up(), absl::ZeroDuration());
  ASSERT_TRUE(LoadState(path_, &soon, clock_).ok());
  EXPECT_EQ(soon.registry()->warming_up(), absl::ZeroDuration());
  clock_.Advance(soon.registry()->options().lease);
  TrackerState late({}, &clock_);
  ASSERT_TRUE(LoadState(path_, &late, clock_).ok());
  EXPECT_GT(late.registry()->warming_up(), absl::ZeroDuration()) << "others may have registered since";
}

TEST_F(StateFileTest, PublicationsAndAddressesAreKept) {
  TrackerState before({}, &clock_);
  tracking::RegisterRequest seeder = TestSeeder(1, TestContent(1, "model"));
  seeder.other_endpoints = {TestEndpoint(2), Endpoint{*IpAddress::Parse("2001:db8::2"), 7002}};
  ASSERT_TRUE(before.registry()->Register(seeder).ok());
  ASSERT_TRUE(before.registry()->Register(TestRegister(3, TestContent(2, "model"), 10)).ok());
  const absl::Time published = clock_.Now();
  ASSERT_TRUE(SaveState(path_, before, clock_).ok());
  clock_.Advance(absl::Seconds(5));
  TrackerState after({}, &clock_);
  ASSERT_TRUE(LoadState(path_, &after, clock_).ok());
  const auto found = after.registry()->Lookup({std::string("model"), std::nullopt, 0});
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_EQ(found->contents.size(), 1u);
  EXPECT_EQ(found->contents[0].summary.id, TestContentId(1));
  EXPECT_EQ(found->contents[0].publishers, 1u);
  EXPECT_EQ(found->contents[0].published, published);
  ASSERT_EQ(found->peers.size(), 1u);
  EXPECT_EQ(found->peers[0].other_endpoints, seeder.other_endpoints);
}

TEST_F(StateFileTest, SignaturesAreKept) {
  TrackerState before({}, &clock_);
  tracking::RegisterRequest seeder = TestSeeder(1, TestContent(1));
  seeder.signature =
      PublisherSignature::Make(SigningKey::Generate(), seeder.content.id, seeder.content.name, clock_.Now());
  ASSERT_TRUE(before.registry()->Register(seeder).ok());
  ASSERT_TRUE(before.registry()->Register(TestSeeder(2, TestContent(2))).ok());
  ASSERT_TRUE(SaveState(path_, before, clock_).ok());
  TrackerState after({}, &clock_);
  ASSERT_TRUE(LoadState(path_, &after, clock_).ok());
  const auto found = after.registry()->Lookup({TestContentId(1), std::nullopt, 0});
  EXPECT_EQ(found->contents.at(0).signatures, std::vector<PublisherSignature>{*seeder.signature});
  EXPECT_TRUE(
      after.registry()->Lookup({TestContentId(2), std::nullopt, 0})->contents.at(0).signatures.empty());
}

TEST_F(StateFileTest, RestoredLeasesLapseSoonerUnlessTheyAreRenewed) {
  TrackerState before({}, &clock_);
  ASSERT_TRUE(before.registry()->Register(TestSeeder(1, TestContent(1))).ok());
  ASSERT_TRUE(before.registry()->Register(TestSeeder(2, TestContent(1))).ok());
  ASSERT_TRUE(SaveState(path_, before, clock_).ok());
  TrackerState after({}, &clock_);
  ASSERT_TRUE(LoadState(path_, &after, clock_).ok());
  ASSERT_TRUE(after.registry()->Register(TestSeeder(2, TestContent(1))).ok());
  clock_.Advance(2 * after.registry()->heartbeat_interval() - absl::Milliseconds(1));
  EXPECT_EQ(after.registry()->Lookup({TestContentId(1), std::nullopt, 50})->peers.size(), 2u);
  clock_.Advance(absl::Milliseconds(1));
  EXPECT_EQ(after.registry()->Lookup({TestContentId(1), std::nullopt, 50})->peers.size(), 1u);
}

TEST_F(StateFileTest, SitesAndCompletedDownloadsAreKept) {
  TrackerState before({}, &clock_);
  tracking::RegisterRequest here = TestSeeder(1, TestContent(1));
  here.site = "rack-7";
  ASSERT_TRUE(before.registry()->Register(here).ok());
  BitTorrentAnnounce announce;
  announce.info_hash = InfoHash({7});
  announce.peer = TestEndpoint(4);
  before.bittorrent()->Announce(announce, clock_.Uptime(), nullptr);
  announce.seeder = announce.completed = true;
  before.bittorrent()->Announce(announce, clock_.Uptime(), nullptr);
  ASSERT_TRUE(SaveState(path_, before, clock_).ok());
  TrackerState after({}, &clock_);
  ASSERT_TRUE(LoadState(path_, &after, clock_).ok());
  EXPECT_EQ(after.GetSwarm(TestContentId(1))->peers[0].site, "rack-7");
  EXPECT_EQ(after.bittorrent()->Scrape(InfoHash({7})), (SwarmCounts{1, 0, 1}));
}

TEST_F(StateFileTest, BitTorrentPeersKeepTheirRemainingTime) {
  TrackerState before({}, &clock_);
  const absl::Duration life = before.bittorrent()->options().life;
  BitTorrentAnnounce announce;
  announce.info_hash = InfoHash({7});
  announce.peer = TestEndpoint(4);
  before.bittorrent()->Announce(announce, clock_.Uptime(), nullptr);
  clock_.Advance(life * 3 / 4);
  announce.peer = TestEndpoint(5);
  before.bittorrent()->Announce(announce, clock_.Uptime(), nullptr);
  ASSERT_TRUE(SaveState(path_, before, clock_).ok());
  clock_.Advance(life / 2);  // in which no announce could arrive
  TrackerState after({}, &clock_);
  ASSERT_TRUE(LoadState(path_, &after, clock_).ok());
  const auto peers = [&] {
    std::vector<BitTorrentShard::Peer> found;
    after.bittorrent()->Describe(InfoHash({7}), clock_.Uptime(), 10, &found);
    return found.size();
  };
  EXPECT_EQ(peers(), 2u);
  clock_.Advance(life / 4);
  EXPECT_EQ(peers(), 1u);
  clock_.Advance(life / 2);
  EXPECT_EQ(peers(), 1u);
  clock_.Advance(life / 4);
  EXPECT_EQ(peers(), 0u);
}

TEST_F(StateFileTest, NoFileIsNotFound) {
  TrackerState state({}, &clock_);
  EXPECT_TRUE(absl::IsNotFound(LoadState(path_, &state, clock_).status()));
}

TEST_F(StateFileTest, ABrokenFileIsReportedAndChangesNothing) {
  TrackerState before({}, &clock_);
  ASSERT_TRUE(before.registry()->Register(TestSeeder(1, TestContent(1))).ok());
  ASSERT_TRUE(SaveState(path_, before, clock_).ok());
  std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(-20, std::ios::end);  // in the section before the end
  file.put('x');
  file.close();
  TrackerState after({}, &clock_);
  const absl::Status loaded = LoadState(path_, &after, clock_).status();
  EXPECT_TRUE(absl::IsDataLoss(loaded)) << loaded;
  EXPECT_THAT(std::string(loaded.message()), HasSubstr(path_));
  EXPECT_EQ(after.registry()->stats().contents, 0u);
}

TEST_F(StateFileTest, AnOldFileIsNotUsed) {
  TrackerState before({}, &clock_);
  ASSERT_TRUE(SaveState(path_, before, clock_).ok());
  clock_.Advance(absl::Minutes(61));
  TrackerState after({}, &clock_);
  EXPECT_TRUE(absl::IsOutOfRange(LoadState(path_, &after, clock_).status()));
}

TEST_F(StateFileTest, AFileThatCantBeWrittenIsReported) {
  TrackerState before({}, &clock_);
  EXPECT_THAT(std::string(SaveState("/nowhere/state", before, clock_).status().message()),
              HasSubstr("/nowhere/state"));
}

}  // namespace
}  // namespace shoal::tracker
