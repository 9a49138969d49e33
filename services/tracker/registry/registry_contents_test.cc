#include "services/tracker/registry/registry.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/tracker/registry/registry_test_fixture.h"
#include "services/tracker/registry/test_requests.h"
#include "shoal/tracking/messages/warm_up.h"

namespace shoal::tracker {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_F(RegistryTest, AnotherSummaryForAKnownIdIsRejected) {
  Register(TestSeeder(1, TestContent(1)));
  for (const auto& change : std::vector<std::function<void(tracking::ContentSummary*)>>{
           [](tracking::ContentSummary* c) { c->name = "other"; },
           [](tracking::ContentSummary* c) { ++c->length_bytes; },
           [](tracking::ContentSummary* c) { c->chunk_size_bytes *= 2; },
           [](tracking::ContentSummary* c) { ++c->file_count; }}) {
    tracking::ContentSummary lie = TestContent(1);
    change(&lie);
    EXPECT_EQ(registry_->Register(TestSeeder(2, lie)).status().code(), absl::StatusCode::kAlreadyExists);
  }
  EXPECT_EQ(registry_->Register(TestSeeder(2, TestContent(1, "", 11))).status().code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(PeersOf(TestContentId(1)), ElementsAre(TestPeerId(1)));
}

TEST_F(RegistryTest, APublisherCorrectsWhatOtherPeersSaidOfAContent) {
  const tracking::LeaseId lie = Register(TestRegister(1, TestContent(1, "other"), 10));
  EXPECT_EQ(registry_->Register(TestRegister(2, TestContent(1), 10)).status().code(),
            absl::StatusCode::kAlreadyExists);
  const tracking::LeaseId publisher = Register(TestSeeder(3, TestContent(1)));
  EXPECT_THAT(Listed(), ElementsAre("content-1"));
  EXPECT_THAT(PeersOf(TestContentId(1)), ElementsAre(TestPeerId(3)));
  EXPECT_THAT(registry_->Heartbeat(TestHeartbeat(1, {lie}))->register_again, ElementsAre(lie));
  // What was published is not corrected, even while its publisher is away.
  ASSERT_TRUE(registry_->Leave(TestLeave(3, {publisher})).ok());
  EXPECT_EQ(registry_->Register(TestSeeder(4, TestContent(1, "other"))).status().code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(registry_->stats().known_contents, 1u);
}

TEST_F(RegistryTest, PublishersSayHowMuchIsLeftOut) {
  const auto left_out = [&] {
    return registry_->GetSwarm(std::string("content-1"))->content.summary.left_out;
  };
  tracking::ContentSummary content = TestContent(1);
  Register(TestRegister(1, content, 2));  // it re-seeds
  EXPECT_EQ(left_out(), 0u);
  content.left_out = 7;
  Register(TestSeeder(2, content));
  EXPECT_EQ(left_out(), 7u);
  content.left_out = 1'000'000;
  Register(TestRegister(3, content, 2));
  EXPECT_EQ(left_out(), 7u);
}

TEST_F(RegistryTest, GetSwarmReturnsEverything) {
  const tracking::LeaseId lease = Register(TestRegister(1, TestContent(1), 2));
  clock_.Advance(absl::Seconds(5));
  tracking::HeartbeatRequest request = TestHeartbeat(1, {lease});
  request.leases[0].sent_bytes = 1'000'000'000'000;
  request.leases[0].received_bytes = 2;
  request.leases[0].send_rate_bytes_per_second = 123'456;
  request.leases[0].receive_rate_bytes_per_second = 7;
  ASSERT_TRUE(registry_->Heartbeat(request).ok());
  clock_.Advance(absl::Seconds(1));
  const auto swarm = registry_->GetSwarm(std::string("content-1"));
  ASSERT_TRUE(swarm.ok()) << swarm.status();
  ASSERT_THAT(swarm->peers, SizeIs(1));
  const tracking::SwarmPeer& peer = swarm->peers[0];
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
  const tracking::LeaseId newer = Register(TestSeeder(2, TestContent(2, "same")));
  const auto both = registry_->Lookup({std::string("same"), std::nullopt, 0});
  ASSERT_TRUE(both.ok()) << both.status();
  ASSERT_THAT(both->contents, SizeIs(2));
  EXPECT_EQ(both->contents[0].summary.id, TestContentId(2));  // the newest first
  EXPECT_THAT(both->peers, IsEmpty());
  const absl::Status ambiguous = registry_->GetSwarm(std::string("same")).status();
  EXPECT_EQ(ambiguous.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(ambiguous.message()), HasSubstr(TestContentId(1).ToHex()));
  EXPECT_THAT(std::string(ambiguous.message()), HasSubstr(TestContentId(2).ToHex()));

  // A content without peers is not listed beside one with peers.
  ASSERT_TRUE(registry_->Leave(TestLeave(2, {newer})).ok());
  EXPECT_THAT(PeersOf(std::string("same")), ElementsAre(TestPeerId(1)));
  EXPECT_TRUE(registry_->GetSwarm(std::string("same")).ok());
}

TEST_F(RegistryTest, ANameRefersToPublishedContentsFirst) {
  // An earlier version that only leechers have, and a later one that none publishes either.
  Register(TestRegister(1, TestContent(1, "model"), 10));
  clock_.Advance(absl::Seconds(1));
  Register(TestRegister(2, TestContent(2, "model"), 10));
  EXPECT_THAT(PeersOf(std::string("model")), ElementsAre(TestPeerId(2))) << "the newest that a peer has";
  // A publisher of the earlier version decides.
  const tracking::LeaseId lease = Register(TestSeeder(3, TestContent(1, "model")));
  const auto found = registry_->Lookup({std::string("model"), std::nullopt, 0});
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_THAT(found->contents, SizeIs(1));
  EXPECT_EQ(found->contents[0].summary.id, TestContentId(1));
  EXPECT_EQ(found->contents[0].publishers, 1u);
  EXPECT_EQ(found->contents[0].published, clock_.Now());
  EXPECT_TRUE(registry_->GetSwarm(std::string("model")).ok());
  EXPECT_THAT(Listed(), ElementsAre("model", "model")) << "both can be fetched by id";
  // Its end makes the version that was published last the newest.
  ASSERT_TRUE(registry_->Leave(TestLeave(3, {lease})).ok());
  const auto left = registry_->Lookup({std::string("model"), std::nullopt, 0});
  ASSERT_TRUE(left.ok()) << left.status();
  ASSERT_THAT(left->contents, SizeIs(1));
  EXPECT_EQ(left->contents[0].publishers, 0u);
}

TEST_F(RegistryTest, AReplacedContentGivesItsNameToTheNewOne) {
  const tracking::LeaseId old = Register(TestSeeder(1, TestContent(1, "model")));
  Register(TestRegister(5, TestContent(1, "model"), 10));  // a leecher that fetched it
  clock_.Advance(absl::Seconds(1));
  Register(TestSeeder(1, TestContent(2, "model")));
  const auto found = registry_->Lookup({std::string("model"), std::nullopt, 0});
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_THAT(found->contents, SizeIs(1));
  EXPECT_EQ(found->contents[0].summary.id, TestContentId(2));
  // The old one can still be fetched by id, from the seeder as well.
  EXPECT_THAT(PeersOf(TestContentId(1)), SizeIs(2));
  EXPECT_TRUE(registry_->Heartbeat(TestHeartbeat(1, {old})).ok());
  EXPECT_THAT(PeersOf(std::string("model")), ElementsAre(TestPeerId(1)));
  // Restored: the old one again.
  Register(TestSeeder(1, TestContent(1, "model")));
  EXPECT_EQ(registry_->Lookup({std::string("model"), std::nullopt, 0})->contents[0].summary.id,
            TestContentId(1));
}

TEST_F(RegistryTest, ARejectedReplacementLeavesTheNameAsItWas) {
  Register(TestSeeder(1, TestContent(1, "model")));
  RegistryLimits limits;
  limits.max_contents = 1;
  registry_->SetLimits(limits);
  EXPECT_EQ(registry_->Register(TestSeeder(1, TestContent(2, "model"))).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(registry_->Lookup({std::string("model"), std::nullopt, 0})->contents[0].publishers, 1u);
}

TEST_F(RegistryTest, OtherPublishersOfANameKeepItAmbiguousUntilTheyLapse) {
  Register(TestSeeder(1, TestContent(1, "model")));
  clock_.Advance(absl::Seconds(20));
  Register(TestSeeder(2, TestContent(2, "model")));
  EXPECT_THAT(registry_->Lookup({std::string("model"), std::nullopt, 0})->contents, SizeIs(2));
  clock_.Advance(absl::Seconds(15));
  registry_->Advance();
  EXPECT_THAT(PeersOf(std::string("model")), ElementsAre(TestPeerId(2)));
}

TEST_F(RegistryTest, PublishersAreCountedThroughEveryChange) {
  const auto publishers = [&] {
    return registry_->Lookup({TestContentId(1), std::nullopt, 0})->contents[0].publishers;
  };
  tracking::RegisterRequest partial = TestRegister(1, TestContent(1), 9);
  partial.publishes = true;
  const tracking::LeaseId lease = Register(partial);
  EXPECT_EQ(publishers(), 1u);
  ASSERT_TRUE(registry_->Heartbeat(TestHeartbeat(1, {lease}, {{ChunkIndex(9), 1}})).ok());
  EXPECT_EQ(publishers(), 1u) << "now complete";
  Register(TestSeeder(2, TestContent(1)));
  EXPECT_EQ(publishers(), 2u);
  Register(TestRegister(2, TestContent(1), 10));
  EXPECT_EQ(publishers(), 1u) << "one now re-seeds";
  EXPECT_FALSE(registry_->GetSwarm(TestContentId(1))->peers[1].publishes);
  clock_.Advance(kLease);
  registry_->Advance();
  EXPECT_EQ(publishers(), 0u);
}

TEST_F(RegistryTest, APeerHasSeveralAddresses) {
  tracking::RegisterRequest request = TestSeeder(1, TestContent(1));
  request.other_endpoints = {TestEndpoint(101), TestEndpoint(102)};
  Register(request);
  Register(TestSeeder(2, TestContent(1)));
  const auto others = [&](uint32_t peer) {
    const auto found = registry_->Lookup({TestContentId(1), TestPeerId(3 - peer), 0});
    EXPECT_THAT(found->peers, SizeIs(1));
    return found->peers[0].other_endpoints;
  };
  EXPECT_EQ(others(1), request.other_endpoints);
  EXPECT_THAT(others(2), IsEmpty());
  request.other_endpoints.pop_back();
  Register(request);
  EXPECT_EQ(others(1), request.other_endpoints);
  request.other_endpoints.clear();
  Register(request);
  EXPECT_THAT(others(1), IsEmpty());
  // A later lease in the same slot does not inherit them.
  request.other_endpoints = {TestEndpoint(101)};
  const tracking::LeaseId lease = Register(request);
  ASSERT_TRUE(registry_->Leave(TestLeave(1, {lease})).ok());
  request.other_endpoints.clear();
  Register(request);
  EXPECT_THAT(others(1), IsEmpty());
}

TEST_F(RegistryTest, AYoungRegistrySaysSo) {
  EXPECT_EQ(registry_->warming_up(), kLease);
  clock_.Advance(absl::Seconds(10));
  EXPECT_EQ(tracking::WarmUpOf(registry_->Lookup({std::string("x"), std::nullopt, 0}).status()),
            absl::Seconds(20));
  EXPECT_EQ(tracking::WarmUpOf(registry_->Lookup({TestContentId(1), std::nullopt, 0}).status()),
            absl::Seconds(20));
  EXPECT_EQ(tracking::WarmUpOf(registry_->GetSwarm(TestContentId(1)).status()), absl::Seconds(20));
  EXPECT_EQ(registry_->ListContents({"", 0, ""})->warming_up, absl::Seconds(20));
  Register(TestSeeder(1, TestContent(1)));
  EXPECT_EQ(registry_->Lookup({TestContentId(1), std::nullopt, 0})->warming_up, absl::Seconds(20));
  clock_.Advance(absl::Seconds(20));
  EXPECT_EQ(registry_->warming_up(), absl::ZeroDuration());
  const absl::Status unknown = registry_->Lookup({std::string("x"), std::nullopt, 0}).status();
  EXPECT_TRUE(absl::IsNotFound(unknown));
  EXPECT_EQ(tracking::WarmUpOf(unknown), absl::ZeroDuration());
}

TEST_F(RegistryTest, ARestoredRegistryIsNotYoung) {
  registry_->EndWarmUp();
  EXPECT_EQ(registry_->warming_up(), absl::ZeroDuration());
  EXPECT_EQ(registry_->ListContents({"", 0, ""})->warming_up, absl::ZeroDuration());
}

TEST_F(RegistryTest, AContentWithoutPeersIsKnownForAWhileButNotListed) {
  const tracking::LeaseId lease = Register(TestSeeder(1, TestContent(1)));
  const absl::Time first_seen = clock_.Now();
  EXPECT_THAT(Listed(), ElementsAre("content-1"));
  ASSERT_TRUE(registry_->Leave(TestLeave(1, {lease})).ok());
  EXPECT_THAT(Listed(), IsEmpty());
  EXPECT_THAT(PeersOf(TestContentId(1)), IsEmpty());
  EXPECT_EQ(registry_->Lookup({std::string("content-1"), std::nullopt, 0}).status().code(),
            absl::StatusCode::kNotFound)
      << "no peer has it";

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
  tracking::ListContentsRequest request{"", 10, ""};
  int pages = 0;
  do {
    const auto page = registry_->ListContents(request);
    ASSERT_TRUE(page.ok()) << page.status();
    EXPECT_LE(page->contents.size(), 10u);
    for (const tracking::ContentStatus& content : page->contents) names.push_back(content.summary.name);
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

TEST_F(RegistryTest, ListsByTheBeginningOfAnId) {
  for (uint32_t content = 1; content <= 3; ++content) Register(TestSeeder(1, TestContent(content)));
  const ContentId wanted = TestContentId(2);
  const auto listed = registry_->ListContents({"", 10, "", IdPrefix::Parse(wanted.ToHex().substr(0, 63))});
  ASSERT_TRUE(listed.ok()) << listed.status();
  ASSERT_THAT(listed->contents, SizeIs(1));
  EXPECT_EQ(listed->contents[0].summary.id, wanted);
  EXPECT_THAT(registry_->ListContents({"", 10, "", IdPrefix::Parse("0123456789abcdef")})->contents,
              IsEmpty());
}

TEST_F(RegistryTest, ContentWithoutChunksIsComplete) {
  const tracking::LeaseId lease = Register(TestSeeder(1, TestContent(1, "empty", 0)));
  EXPECT_TRUE(registry_->GetSwarm(TestContentId(1))->peers[0].peer.complete);
  EXPECT_TRUE(registry_->Heartbeat(TestHeartbeat(1, {lease})).ok());
}

}  // namespace
}  // namespace shoal::tracker
