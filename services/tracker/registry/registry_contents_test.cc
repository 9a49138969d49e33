#include "services/tracker/registry/registry.h"

#include <string>
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

TEST_F(RegistryTest, AnotherSummaryForAKnownIdIsRefused) {
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

TEST_F(RegistryTest, GetSwarmTellsEverything) {
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
  registry_->Leave({TestPeerId(2), {newer}});
  EXPECT_THAT(PeersOf(std::string("same")), ElementsAre(TestPeerId(1)));
  EXPECT_TRUE(registry_->GetSwarm(std::string("same")).ok());
}

TEST_F(RegistryTest, ContentWithoutPeersIsKnownForAWhileButNotListed) {
  const tracking::LeaseId lease = Register(TestSeeder(1, TestContent(1)));
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

TEST_F(RegistryTest, ContentWithoutChunksIsComplete) {
  const tracking::LeaseId lease = Register(TestSeeder(1, TestContent(1, "empty", 0)));
  EXPECT_TRUE(registry_->GetSwarm(TestContentId(1))->peers[0].peer.complete);
  EXPECT_TRUE(registry_->Heartbeat(TestHeartbeat(1, {lease})).ok());
}

}  // namespace
}  // namespace shoal::tracker
