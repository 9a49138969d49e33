#include "services/tracker/state/tracker_state.h"

#include <array>
#include <set>
#include <string>

#include "gtest/gtest.h"
#include "services/tracker/registry/test_requests.h"
#include "shoal/base/manual_clock.h"

namespace shoal::tracker {
namespace {

TEST(TrackerStateTest, ListsAndShowsBitTorrentSwarmsBesideContents) {
  ManualClock clock;
  TrackerState state({}, &clock);
  ASSERT_TRUE(state.registry()->Register(TestSeeder(1, TestContent(1, "a file"))).ok());
  std::array<uint8_t, 6> peers;
  for (uint8_t number = 1; number <= 25; ++number) {
    BitTorrentAnnounce announce;
    announce.info_hash = InfoHash({number, number});
    announce.peer = TestEndpoint(number);
    announce.seeder = true;
    state.bittorrent()->Announce(announce, clock.Uptime(), peers.data());
  }
  EXPECT_EQ(state.stats().bittorrent_swarms, 25u);
  const auto list = [&](const std::string& name_contains) {
    std::set<InfoHash> listed;
    tracking::ListContentsRequest request{name_contains, 10, ""};
    do {
      const auto page = state.ListContents(request);
      EXPECT_TRUE(page.ok()) << page.status();
      EXPECT_LE(page->contents.size() + page->bittorrent_swarms.size(), 10u);
      for (const tracking::BitTorrentSwarm& swarm : page->bittorrent_swarms) listed.insert(swarm.info_hash);
      request.page_token = page->next_page_token;
    } while (!request.page_token.empty());
    return listed;
  };
  EXPECT_EQ(list("").size(), 25u);
  EXPECT_EQ(list("0707"), std::set<InfoHash>{InfoHash({7, 7})});
  const auto contents = state.ListContents({"", 0, ""});
  ASSERT_TRUE(contents.ok()) << contents.status();
  ASSERT_EQ(contents->contents.size(), 1u);
  EXPECT_EQ(contents->contents[0].summary.name, "a file");
  EXPECT_EQ(state.ListContents({"A FI", 0, ""})->contents.size(), 1u);
  EXPECT_EQ(state.ListContents({"a fo", 0, ""})->contents.size(), 0u);

  clock.Advance(absl::Minutes(1));
  const auto swarm = state.GetSwarm(InfoHash({7, 7}));
  ASSERT_TRUE(swarm.ok()) << swarm.status();
  EXPECT_EQ(swarm->bittorrent_swarm->seeders, 1u);
  ASSERT_EQ(swarm->bittorrent_peers.size(), 1u);
  EXPECT_EQ(swarm->bittorrent_peers[0].endpoint, TestEndpoint(7));
  EXPECT_GE(swarm->bittorrent_peers[0].silent_for, absl::Seconds(50));
  EXPECT_EQ(state.GetSwarm(InfoHash({8, 7})).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(state.registry()->Lookup({InfoHash({7, 7}), {}, 0}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace shoal::tracker
