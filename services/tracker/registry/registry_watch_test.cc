#include <memory>
#include <optional>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/tracker/registry/registry.h"
#include "services/tracker/registry/test_requests.h"
#include "shoal/base/manual_clock.h"

namespace shoal::tracker {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

tracking::SwarmEvent There(uint32_t peer, uint32_t chunks_held) {
  return tracking::PeerInfo{TestPeerId(peer), TestEndpoint(peer), chunks_held == 10, chunks_held, 4};
}
tracking::SwarmEvent Gone(uint32_t peer) {
  return TestPeerId(peer);
}

class RegistryWatchTest : public ::testing::Test {
 protected:
  static Registry::Options FewWatchers() {
    Registry::Options options;
    options.limits.max_watchers = 3;
    options.limits.max_watched_peers = 5;
    return options;
  }
  std::shared_ptr<SwarmWatcher> Watch(uint32_t content, std::optional<PeerId> exclude = std::nullopt,
                                      uint32_t max_backlog = 100) {
    auto watcher = std::make_shared<SwarmWatcher>(exclude, max_backlog, [this] { ++wakes_; });
    EXPECT_TRUE(registry_.Watch(TestContentId(content), watcher).ok());
    return watcher;
  }
  static std::vector<tracking::SwarmEvent> Read(SwarmWatcher* watcher) {
    std::vector<tracking::SwarmEvent> events;
    while (auto event = watcher->Next()) events.push_back(*event);
    return events;
  }
  tracking::LeaseId Register(const tracking::RegisterRequest& request) {
    return registry_.Register(request)->lease_id;
  }

  int wakes_ = 0;
  ManualClock clock_;
  Registry registry_{FewWatchers(), &clock_};
};

TEST_F(RegistryWatchTest, AllPeersFirstThenEachChange) {
  Register(TestSeeder(1, TestContent(1)));
  const auto watcher = Watch(1);
  EXPECT_EQ(wakes_, 1);
  EXPECT_THAT(Read(watcher.get()), ElementsAre(There(1, 10)));

  const tracking::LeaseId second = Register(TestRegister(2, TestContent(1), 3));
  Register(TestSeeder(3, TestContent(2)));  // another content
  EXPECT_THAT(Read(watcher.get()), ElementsAre(There(2, 3)));
  EXPECT_EQ(wakes_, 2);

  // Gaining some chunks is no event; gaining the last one is.
  ASSERT_TRUE(registry_.Heartbeat(TestHeartbeat(2, {second}, {{ChunkIndex(3), 1}})).ok());
  EXPECT_THAT(Read(watcher.get()), IsEmpty());
  ASSERT_TRUE(registry_.Heartbeat(TestHeartbeat(2, {second}, {{ChunkIndex(0), 10}})).ok());
  EXPECT_THAT(Read(watcher.get()), ElementsAre(There(2, 10)));

  Register(TestSeeder(1, TestContent(1)));  // the same again is no event
  ASSERT_TRUE(registry_.Leave(TestLeave(2, {second})).ok());
  EXPECT_THAT(Read(watcher.get()), ElementsAre(Gone(2)));
  clock_.Advance(absl::Seconds(31));
  registry_.Advance();
  EXPECT_THAT(Read(watcher.get()), ElementsAre(Gone(1)));
}

TEST_F(RegistryWatchTest, WatchesAContentThatIsNotKnownYet) {
  const auto watcher = Watch(1);
  EXPECT_THAT(Read(watcher.get()), IsEmpty());
  Register(TestSeeder(1, TestContent(1)));
  EXPECT_THAT(Read(watcher.get()), ElementsAre(There(1, 10)));
}

TEST_F(RegistryWatchTest, LeavesOutTheWatcherItself) {
  Register(TestSeeder(1, TestContent(1)));
  const auto watcher = Watch(1, TestPeerId(1));
  Register(TestSeeder(2, TestContent(1)));
  ASSERT_TRUE(registry_.Leave(TestLeave(1)).ok());
  EXPECT_THAT(Read(watcher.get()), ElementsAre(There(2, 10)));
}

TEST_F(RegistryWatchTest, ASlowWatcherIsLostAndMakesRoom) {
  for (uint32_t peer = 1; peer <= 3; ++peer) Register(TestSeeder(peer, TestContent(1)));
  const auto watcher = Watch(1, std::nullopt, 2);
  EXPECT_EQ(registry_.stats().watchers, 1u);
  Register(TestSeeder(4, TestContent(1)));
  Register(TestSeeder(5, TestContent(1)));
  EXPECT_FALSE(watcher->lost());  // the peers at the start do not count
  Register(TestSeeder(6, TestContent(1)));
  EXPECT_TRUE(watcher->lost());
  EXPECT_THAT(Read(watcher.get()), IsEmpty());
  EXPECT_EQ(registry_.stats().watchers, 0u);
  registry_.Unwatch(TestContentId(1), watcher.get());
  EXPECT_EQ(registry_.stats().watchers, 0u);
}

TEST_F(RegistryWatchTest, UnwatchEndsTheEvents) {
  const auto watcher = Watch(1);
  registry_.Unwatch(TestContentId(1), watcher.get());
  Register(TestSeeder(1, TestContent(1)));
  EXPECT_THAT(Read(watcher.get()), IsEmpty());
  EXPECT_EQ(registry_.stats().watchers, 0u);
}

TEST_F(RegistryWatchTest, BoundsWatchersAndSwarms) {
  const auto watcher = std::make_shared<SwarmWatcher>(std::nullopt, 10, [] {});
  for (uint32_t peer = 1; peer <= 6; ++peer) Register(TestSeeder(peer, TestContent(1)));
  EXPECT_EQ(registry_.Watch(TestContentId(1), watcher).code(), absl::StatusCode::kResourceExhausted);
  for (int i = 0; i < 3; ++i) Watch(2);
  EXPECT_EQ(registry_.Watch(TestContentId(2), watcher).code(), absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace shoal::tracker
