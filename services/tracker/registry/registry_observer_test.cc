#include "services/tracker/registry/registry_observer.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/tracker/registry/registry.h"
#include "services/tracker/registry/test_requests.h"
#include "shoal/base/manual_clock.h"

namespace shoal::tracker {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Writes each change as a line, and checks that each shard's sequence has no gap.
class Recorder final : public RegistryObserver {
 public:
  void OnChange(const LeaseChange& change) override {
    EXPECT_EQ(change.sequence, ++sequences_[change.shard]);
    static constexpr const char* kKinds[] = {"began", "moved", "site of", "completed", "ended"};
    lines_.push_back(absl::StrCat(kKinds[static_cast<int>(change.kind)], " ", change.content.name, " ",
                                  change.peer.endpoint.ToString(), " ", change.peer.chunks_held,
                                  change.peer.complete ? " all" : "", change.site.empty() ? "" : " at ",
                                  change.site));
    leases_.push_back(change.lease);
  }

  std::vector<std::string> TakeLines() { return std::exchange(lines_, {}); }
  const std::vector<tracking::LeaseId>& leases() const { return leases_; }
  size_t shards() const { return sequences_.size(); }

 private:
  std::map<uint32_t, uint64_t> sequences_;
  std::vector<std::string> lines_;
  std::vector<tracking::LeaseId> leases_;
};

class RegistryObserverTest : public ::testing::Test {
 protected:
  Registry::Options Observed() {
    Registry::Options options;
    options.observer = &recorder_;
    return options;
  }
  tracking::LeaseId Register(const tracking::RegisterRequest& request) {
    return registry_.Register(request)->lease_id;
  }

  Recorder recorder_;
  ManualClock clock_;
  Registry registry_{Observed(), &clock_};
};

TEST_F(RegistryObserverTest, ReportsALeaseFromBeginningToEnd) {
  tracking::RegisterRequest request = TestRegister(1, TestContent(1), 3);
  request.site = "oslo";
  const tracking::LeaseId lease = Register(request);
  EXPECT_THAT(recorder_.TakeLines(), ElementsAre("began content-1 10.0.0.1:7001 3 at oslo"));

  request.endpoint = TestEndpoint(9);
  Register(request);
  EXPECT_THAT(recorder_.TakeLines(), ElementsAre("moved content-1 10.0.0.9:7009 3 at oslo"));

  request.site = "bergen";
  Register(request);
  EXPECT_THAT(recorder_.TakeLines(), ElementsAre("site of content-1 10.0.0.9:7009 3 at bergen"));

  ASSERT_TRUE(registry_.Heartbeat(TestHeartbeat(1, {lease}, {{ChunkIndex(0), 10}})).ok());
  EXPECT_THAT(recorder_.TakeLines(), ElementsAre("completed content-1 10.0.0.9:7009 10 all at bergen"));

  Register(request);  // after it lost its chunks
  EXPECT_THAT(recorder_.TakeLines(), ElementsAre("moved content-1 10.0.0.9:7009 3 at bergen"));
  request.held = ChunkSet::All(10);
  Register(request);
  EXPECT_THAT(recorder_.TakeLines(), ElementsAre("completed content-1 10.0.0.9:7009 10 all at bergen"));

  ASSERT_TRUE(registry_.Leave(TestLeave(1, {lease})).ok());
  EXPECT_THAT(recorder_.TakeLines(), ElementsAre("ended content-1 10.0.0.9:7009 10 all at bergen"));
  EXPECT_THAT(recorder_.leases(), AllOf(SizeIs(7), Each(lease)));
}

TEST_F(RegistryObserverTest, HeartbeatsAndRepeatedRegistrationsAreNoChange) {
  const tracking::LeaseId seeder = Register(TestSeeder(1, TestContent(1)));
  const tracking::LeaseId leecher = Register(TestRegister(2, TestContent(1), 3));
  recorder_.TakeLines();
  for (uint32_t i = 0; i < 10; ++i) {
    clock_.Advance(absl::Seconds(20));
    registry_.Advance();
    ASSERT_TRUE(registry_.Heartbeat(TestHeartbeat(1, {seeder})).ok());
    ASSERT_TRUE(registry_.Heartbeat(TestHeartbeat(2, {leecher}, {{ChunkIndex(i % 9), 1}})).ok());
    tracking::RegisterRequest again = TestSeeder(1, TestContent(1));
    again.free_slots = i;
    Register(again);
    ASSERT_TRUE(registry_.Lookup({TestContentId(1), std::nullopt, 50}).ok());
  }
  EXPECT_THAT(recorder_.TakeLines(), IsEmpty());
}

TEST_F(RegistryObserverTest, ALapsedLeaseEndsBeforeItsSuccessorBegins) {
  const tracking::LeaseId first = Register(TestSeeder(1, TestContent(1)));
  clock_.Advance(absl::Seconds(31));
  const tracking::LeaseId second = Register(TestSeeder(1, TestContent(1)));
  EXPECT_NE(first, second);
  EXPECT_THAT(recorder_.leases(), ElementsAre(first, first, second));
  EXPECT_THAT(recorder_.TakeLines(),
              ElementsAre("began content-1 10.0.0.1:7001 10 all", "ended content-1 10.0.0.1:7001 10 all",
                          "began content-1 10.0.0.1:7001 10 all"));
}

TEST_F(RegistryObserverTest, ReportsTheChangesOfEveryShard) {
  for (uint32_t content = 0; content < 100; ++content) Register(TestSeeder(1, TestContent(content)));
  EXPECT_EQ(recorder_.TakeLines().size(), 100u);
  EXPECT_GT(recorder_.shards(), 20u);
  ASSERT_TRUE(registry_.Leave(TestLeave(1)).ok());
  EXPECT_EQ(recorder_.TakeLines().size(), 100u);
  for (uint32_t content = 0; content < 100; ++content) Register(TestSeeder(2, TestContent(content)));
  recorder_.TakeLines();
  clock_.Advance(absl::Minutes(1));
  registry_.Advance();
  EXPECT_EQ(recorder_.TakeLines().size(), 100u);
}

}  // namespace
}  // namespace shoal::tracker
