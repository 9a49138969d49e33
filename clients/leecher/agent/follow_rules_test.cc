#include "clients/leecher/agent/follow_rules.h"

#include <memory>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "clients/leecher/agent/agent_journal.h"
#include "shoal/base/manual_clock.h"

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

class FollowRulesTest : public ::testing::Test {
 protected:
  // A content that one peer publishes; unsigned unless there are `signers`.
  Offer Offered(uint8_t id, const std::string& name, const std::vector<const SigningKey*>& signers = {}) {
    Offer offer;
    offer.content.summary.id = Id(id);
    offer.content.summary.name = name;
    offer.content.publishers = 1;
    offer.content.published = clock_.Now();
    for (const SigningKey* key : signers) {
      offer.content.signatures.push_back(PublisherSignature::Make(*key, Id(id), name, clock_.Now()));
    }
    return offer;
  }
  static std::vector<ContentId> Fetched(FollowRules& rules, std::vector<Offer> offers) {
    std::vector<ContentId> ids;
    const auto offering = std::make_shared<const std::vector<Offer>>(std::move(offers));
    for (const FollowPlan::Fetch& fetch : rules.Plan(offering, {}).fetch) ids.push_back(fetch.content.id);
    return ids;
  }

  ManualClock clock_;
  AgentState state_;
  int warnings_ = 0;
  ViewerFeed feed_{&clock_, [this](const AgentEvent&) { ++warnings_; }};
  const SigningKey alice_ = SigningKey::Generate();
  const SigningKey bob_ = SigningKey::Generate();
};

TEST_F(FollowRulesTest, ARuleOfACommandCountsMoreThanAFixedOne) {
  FollowRules rules(&state_, {{{"a", 1, "/fixed"}, {"b", 1, "/fixed"}}, {}}, &feed_);
  EXPECT_THAT(rules.All(), SizeIs(2));
  Apply(RuleSaved{{"b", 2, "/command"}}, &state_);
  EXPECT_THAT(rules.All(), ElementsAre(FollowRule{"b", 2, "/command"}, FollowRule{"a", 1, "/fixed"}));
}

TEST_F(FollowRulesTest, AContentThatAPersonAddedOrRemovedIsNotFetched) {
  FollowRules rules(&state_, {{{"m*", 1, "/out"}}, {}}, &feed_);
  EXPECT_THAT(Fetched(rules, {Offered(1, "m1"), Offered(2, "m2"), Offered(3, "m3"), Offered(4, "other")}),
              ElementsAre(Id(1), Id(2), Id(3)));
  SavedDownload added;
  added.id = DownloadId(1);
  added.content_id = Id(1);
  Apply(DownloadSaved{added}, &state_);
  Apply(ContentForgotten{Id(2)}, &state_);
  EXPECT_THAT(Fetched(rules, {Offered(1, "m1"), Offered(2, "m2"), Offered(3, "m3")}), ElementsAre(Id(3)));
}

TEST_F(FollowRulesTest, ARuleWithKeysTrustsThemAlone) {
  FollowRules::Options options;
  ASSERT_TRUE(options.trusted.Add(alice_.public_key()).ok());
  FollowRule rule{"b*", 1, "/out"};
  ASSERT_TRUE(rule.trusted.Add(bob_.public_key()).ok());
  options.fixed = {{"a*", 1, "/out"}, rule};
  FollowRules rules(&state_, options, &feed_);
  EXPECT_EQ(rules.KeysOf("a*"), options.trusted);
  EXPECT_EQ(rules.KeysOf("b*"), rule.trusted);
  EXPECT_EQ(rules.KeysOf(""), options.trusted);
  EXPECT_TRUE(rules.Trusts(alice_.public_key()));
  EXPECT_TRUE(rules.Trusts(bob_.public_key()));
  EXPECT_FALSE(rules.Trusts(SigningKey::Generate().public_key()));
  EXPECT_THAT(Fetched(rules, {Offered(1, "a1", {&alice_}), Offered(2, "a2", {&bob_}), Offered(3, "a3"),
                              Offered(4, "b1", {&alice_}), Offered(5, "b2", {&alice_, &bob_})}),
              ElementsAre(Id(1), Id(5)));
  EXPECT_EQ(warnings_, 3);
}

TEST_F(FollowRulesTest, SaysOnceThatNobodyTrustedSignedAContent) {
  FollowRules::Options options;
  ASSERT_TRUE(options.trusted.Add(alice_.public_key()).ok());
  options.fixed = {{"*", 1, "/out"}};
  FollowRules rules(&state_, options, &feed_);
  EXPECT_THAT(Fetched(rules, {Offered(1, "m")}), IsEmpty());
  EXPECT_THAT(Fetched(rules, {Offered(1, "m")}), IsEmpty());
  EXPECT_EQ(warnings_, 1);
  rules.ForgetSignatures();
  EXPECT_THAT(Fetched(rules, {Offered(1, "m")}), IsEmpty());
  EXPECT_EQ(warnings_, 2);
  // It is offered with another signature now.
  EXPECT_THAT(Fetched(rules, {Offered(1, "m", {&alice_})}), ElementsAre(Id(1)));
}

}  // namespace
}  // namespace shoal::leecher
