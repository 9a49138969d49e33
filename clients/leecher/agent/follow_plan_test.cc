#include "clients/leecher/agent/follow_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shoal::leecher {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

ContentId Id(uint8_t first) {
  std::array<uint8_t, ContentId::kSizeBytes> bytes{};
  bytes[0] = first;
  return ContentId(bytes);
}

absl::Time At(int second) {
  return absl::FromUnixSeconds(second);
}

OfferedContent Offered(uint8_t id, const std::string& name, int published, uint32_t publishers = 1) {
  return {Id(id), name, 100, publishers, At(published)};
}

FollowedContent Complete(uint64_t download, uint8_t id, const std::string& name, int completed) {
  return {DownloadId(download), Id(id), name, false, At(completed)};
}

TEST(NameMatches, IsAGlobOverNames) {
  EXPECT_TRUE(NameMatches("model-*", "model-7b"));
  EXPECT_TRUE(NameMatches("*", "anything"));
  EXPECT_TRUE(NameMatches("models/*", "models"));
  EXPECT_TRUE(NameMatches("models/", "models"));
  EXPECT_FALSE(NameMatches("models", "models-2"));
  EXPECT_FALSE(NameMatches("model-?", "model-70"));
}

TEST(PlanFollowing, FetchesWhatIsPublishedUnderAMatchingName) {
  const FollowPlan plan =
      PlanFollowing({{"model*", 1, "/out"}}, {Offered(1, "model", 5), Offered(2, "other", 5)}, {}, {});
  ASSERT_THAT(plan.fetch, SizeIs(1));
  EXPECT_EQ(plan.fetch[0].content.id, Id(1));
  EXPECT_EQ(plan.fetch[0].rule.output_folder, "/out");
  EXPECT_THAT(plan.remove, IsEmpty());
}

TEST(PlanFollowing, TakesTheLatestThatHasAPublisher) {
  const std::vector<FollowRule> rules = {{"m", 1, "/out"}};
  const FollowPlan plan =
      PlanFollowing(rules, {Offered(1, "m", 5), Offered(2, "m", 7), Offered(3, "m", 9, 0)}, {}, {});
  ASSERT_THAT(plan.fetch, SizeIs(1));
  EXPECT_EQ(plan.fetch[0].content.id, Id(2));
  EXPECT_THAT(PlanFollowing(rules, {Offered(3, "m", 9, 0)}, {}, {}).fetch, IsEmpty());
}

TEST(PlanFollowing, FetchesNothingTwiceAndNothingThatWasRemoved) {
  const std::vector<FollowRule> rules = {{"m", 1, "/out"}};
  EXPECT_THAT(PlanFollowing(rules, {Offered(1, "m", 5)}, {Complete(1, 1, "m", 6)}, {}).fetch, IsEmpty());
  EXPECT_THAT(PlanFollowing(rules, {Offered(1, "m", 5)}, {}, {Id(1)}).fetch, IsEmpty());
}

TEST(PlanFollowing, RemovesVersionsOnceNewerOnesAreComplete) {
  std::vector<FollowRule> rules = {{"m", 1, "/out"}};
  const std::vector<OfferedContent> offered = {Offered(3, "m", 9)};
  const FollowedContent first = Complete(1, 1, "m", 2);
  const FollowedContent second = Complete(2, 2, "m", 6);
  FollowedContent third{DownloadId(3), Id(3), "m"};
  EXPECT_THAT(PlanFollowing(rules, offered, {first, third}, {}).remove, IsEmpty());
  third.completed = At(10);
  EXPECT_THAT(PlanFollowing(rules, offered, {first, second, third}, {}).remove,
              ElementsAre(DownloadId(2), DownloadId(1)));
  rules[0].keep_versions = 2;
  EXPECT_THAT(PlanFollowing(rules, offered, {first, second, third}, {}).remove, ElementsAre(DownloadId(1)));
  FollowedContent pinned = first;
  pinned.pinned = true;
  EXPECT_THAT(PlanFollowing(rules, offered, {pinned, second, third}, {}).remove, IsEmpty());
}

TEST(PlanFollowing, RemovesAnUnfinishedVersionThatWasReplaced) {
  const FollowPlan plan =
      PlanFollowing({{"m", 1, "/out"}}, {Offered(2, "m", 9)}, {{DownloadId(1), Id(1), "m"}}, {});
  EXPECT_THAT(plan.remove, ElementsAre(DownloadId(1)));
  EXPECT_THAT(plan.fetch, SizeIs(1));
}

}  // namespace
}  // namespace shoal::leecher
