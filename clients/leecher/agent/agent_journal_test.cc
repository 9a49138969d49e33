#include "clients/leecher/agent/agent_journal.h"

#include <filesystem>
#include <fstream>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shoal/base/file_io.h"
#include "tests/support/temporary_folder.h"

namespace shoal::leecher {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

ContentId Id(uint8_t first) {
  std::array<uint8_t, ContentId::kSizeBytes> bytes{};
  bytes[0] = first;
  return ContentId(bytes);
}

SavedDownload Sample(uint64_t id) {
  SavedDownload download;
  download.id = DownloadId(id);
  download.wanted = "model.bin";
  download.content_id = Id(static_cast<uint8_t>(id));
  download.name = "model.bin";
  download.trackers = {"grpc://tracker:50051", "udp://[::1]:6969"};
  download.output_folder = "/data/\xff odd";
  download.selection.include = {"*.csv"};
  download.selection.exclude = {"*.tmp", "x/"};
  download.selection.priorities = {{"a/*", FilePriority::kHigh}, {"b", FilePriority::kSkip}};
  download.followed_glob = "model*";
  download.sequential = true;
  download.pinned = true;
  download.added = absl::FromUnixNanos(123456789);
  if (id % 2 == 1) {
    const SigningKey key = *SigningKey::FromSeed(AsBytes(std::string(32, 'k')));
    download.signature = PublisherSignature::Make(key, download.content_id, download.name,
                                                  absl::FromUnixMillis(1'700'000'000'123));
  }
  return download;
}

std::string EncodingOf(const SavedDownload& download) {
  return EncodeChange(DownloadSaved{download});
}

class AgentJournalTest : public ::testing::Test {
 protected:
  std::unique_ptr<AgentJournal> Open() {
    warning_.clear();
    auto journal = AgentJournal::Open(path_, &warning_);
    EXPECT_TRUE(journal.ok()) << journal.status();
    return journal.ok() ? *std::move(journal) : nullptr;
  }

  const TemporaryFolder folder_;
  const std::string path_ = folder_.Path("journal");
  std::string warning_;
};

TEST_F(AgentJournalTest, RemembersTheKeysOfARule) {
  FollowRule rule{"m*", 3, "/data"};
  ASSERT_TRUE(rule.trusted.Add(SigningKey::Generate().public_key()).ok());
  ASSERT_TRUE(rule.trusted.Add(SigningKey::Generate().public_key()).ok());
  ASSERT_TRUE(Open()->Commit({RuleSaved{rule}}).ok());
  for (int times = 0; times < 2; ++times) {
    const auto journal = Open();
    EXPECT_EQ(journal->state().follows.at("m*"), rule);
    ASSERT_TRUE(journal->Rewrite().ok());
  }
  std::string zero_key = EncodeChange(RuleSaved{rule});
  zero_key.replace(zero_key.size() - 32, 32, 32, '\0');
  EXPECT_FALSE(DecodeChange(AsBytes(zero_key)).ok());
}

TEST_F(AgentJournalTest, RemembersTheLimitOfADownload) {
  SavedDownload signed_one = Sample(1);
  signed_one.limits.down_bytes_per_second = 4096;
  SavedDownload limited = Sample(2);
  limited.limits.down_bytes_per_second = 0;
  SavedDownload sending = Sample(3);
  sending.limits.up_bytes_per_second = 8192;
  ASSERT_TRUE(
      Open()->Commit({DownloadSaved{signed_one}, DownloadSaved{limited}, DownloadSaved{sending}}).ok());
  for (int times = 0; times < 2; ++times) {
    const auto journal = Open();
    ASSERT_THAT(journal->state().downloads, SizeIs(3));
    EXPECT_EQ(EncodingOf(journal->state().downloads.at(DownloadId(1))), EncodingOf(signed_one));
    EXPECT_EQ(EncodingOf(journal->state().downloads.at(DownloadId(2))), EncodingOf(limited));
    EXPECT_EQ(journal->state().downloads.at(DownloadId(1)).limits.down_bytes_per_second, 4096u);
    EXPECT_EQ(journal->state().downloads.at(DownloadId(3)).limits, sending.limits);
    EXPECT_EQ(journal->state().downloads.at(DownloadId(1)).signature, signed_one.signature);
    ASSERT_TRUE(journal->Rewrite().ok());
  }
  // A download without a limit has the form that it had before there were any, and no other one.
  EXPECT_EQ(EncodingOf(Sample(2))[0], 1);
  EXPECT_EQ(EncodingOf(Sample(1))[0], 9);
  EXPECT_EQ(EncodingOf(limited)[0], 10);
  EXPECT_EQ(EncodingOf(sending)[0], 11);
  std::string unlimited = EncodingOf(limited);
  unlimited.replace(unlimited.size() - 8, 8, 8, '\xff');
  EXPECT_FALSE(DecodeChange(AsBytes(unlimited)).ok());
}

TEST_F(AgentJournalTest, RemembersEveryKindOfChange) {
  {
    const auto journal = Open();
    SavedLimits limits;
    limits.up_bytes_per_second = 7;
    ASSERT_TRUE(
        journal
            ->Commit({DownloadSaved{Sample(1)}, DownloadSaved{Sample(2)}, RuleSaved{{"m*", 3, "/data"}},
                      RuleSaved{{"n*", 1, "/data"}}, LimitsSaved{limits}, RequestSaved{{"r", DownloadId(2)}},
                      ContentForgotten{Id(9)}})
            .ok());
    ASSERT_TRUE(journal->Commit({DownloadForgotten{DownloadId(2)}, RuleForgotten{"n*"}}).ok());
  }
  for (int times = 0; times < 2; ++times) {
    const auto journal = Open();
    ASSERT_THAT(journal->state().downloads, SizeIs(1));
    EXPECT_EQ(EncodingOf(journal->state().downloads.begin()->second), EncodingOf(Sample(1)));
    ASSERT_THAT(journal->state().follows, SizeIs(1));
    EXPECT_EQ(journal->state().follows.at("m*"), (FollowRule{"m*", 3, "/data"}));
    EXPECT_EQ(journal->state().limits.up_bytes_per_second, 7u);
    EXPECT_TRUE(journal->state().limits_set);
    ASSERT_THAT(journal->state().requests, SizeIs(1));
    EXPECT_EQ(journal->state().requests[0].download, DownloadId(2));
    EXPECT_THAT(journal->state().forgotten, ElementsAre(Id(9)));
    EXPECT_EQ(journal->state().next_id, DownloadId(3)) << "the id of a removed download is not used again";
    ASSERT_TRUE(journal->Rewrite().ok());
  }
}

TEST_F(AgentJournalTest, HasExactlyTheAcknowledgedChangesAtEachLength) {
  std::vector<uint64_t> ends;
  {
    const auto journal = Open();
    ends.push_back(std::filesystem::file_size(path_));
    for (uint64_t id = 1; id <= 4; ++id) {
      ASSERT_TRUE(journal->Commit({DownloadSaved{Sample(id)}}).ok());
      ends.push_back(std::filesystem::file_size(path_));
    }
  }
  const std::string whole = *ReadFile(path_, 1 << 20);
  for (size_t length = ends[0]; length <= whole.size(); ++length) {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << whole.substr(0, length);
    const auto journal = Open();
    const auto acknowledged = static_cast<size_t>(
        std::count_if(ends.begin() + 1, ends.end(), [&](uint64_t end) { return end <= length; }));
    ASSERT_THAT(journal->state().downloads, SizeIs(acknowledged)) << length;
    EXPECT_EQ(warning_, "");
    // It goes on after what is intact.
    ASSERT_TRUE(journal->Commit({DownloadSaved{Sample(9)}}).ok());
  }
}

TEST_F(AgentJournalTest, KeepsACopyWhenItIsDamagedInTheMiddle) {
  {
    const auto journal = Open();
    for (uint64_t id = 1; id <= 3; ++id) ASSERT_TRUE(journal->Commit({DownloadSaved{Sample(id)}}).ok());
  }
  std::string bytes = *ReadFile(path_, 1 << 20);
  bytes[bytes.size() / 2] ^= 1;
  std::ofstream(path_, std::ios::binary | std::ios::trunc) << bytes;
  const auto journal = Open();
  EXPECT_THAT(journal->state().downloads, SizeIs(1));
  EXPECT_THAT(warning_, HasSubstr("is damaged at byte"));
  EXPECT_EQ(*ReadFile(path_ + ".damaged", 1 << 20), bytes);
}

TEST_F(AgentJournalTest, IsForOneAgent) {
  const auto journal = Open();
  std::string warning;
  EXPECT_EQ(AgentJournal::Open(path_, &warning).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(AgentJournalTest, RefusesOtherFilesAndOtherVersions) {
  std::string warning;
  std::ofstream(path_) << "something else, quite long";
  EXPECT_TRUE(absl::IsDataLoss(AgentJournal::Open(path_, &warning).status()));
  EXPECT_EQ(*ReadFile(path_, 100), "something else, quite long");
  std::ofstream(path_, std::ios::trunc) << std::string("SHOALAGT\0\0\0\x07", 12);
  EXPECT_THAT(std::string(AgentJournal::Open(path_, &warning).status().message()), HasSubstr("version 7"));
}

TEST_F(AgentJournalTest, IsRewrittenWhenItIsLong) {
  const auto journal = Open();
  SavedDownload sample = Sample(1);
  sample.wanted = std::string(10'000, 'x');
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(journal->Commit({DownloadSaved{sample}}).ok());
  ASSERT_TRUE(journal->IsLong());
  ASSERT_TRUE(journal->Rewrite().ok());
  EXPECT_FALSE(journal->IsLong());
  EXPECT_LT(std::filesystem::file_size(path_), 20'000u);
  ASSERT_TRUE(journal->Commit({DownloadSaved{Sample(2)}}).ok());
}

TEST(AgentChange, IsDecodedOrRefusedWhateverTheBytes) {
  const std::string bytes = EncodeChange(DownloadSaved{Sample(1)});
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(DecodeChange(AsBytes(bytes).first(size)).ok()) << size;
  }
  std::mt19937 random(1);
  for (int i = 0; i < 20'000; ++i) {
    std::string damaged = bytes;
    damaged[random() % damaged.size()] = static_cast<char>(random());
    const auto change = DecodeChange(AsBytes(damaged));
    if (!change.ok()) continue;
    AgentState state;
    Apply(*change, &state);
  }
  EXPECT_TRUE(DecodeChange(AsBytes(bytes)).ok());
}

TEST(AgentState, RemembersTheLatestRequestsOnly) {
  AgentState state;
  for (uint64_t i = 0; i < 1500; ++i) Apply(RequestSaved{{std::to_string(i), DownloadId(i)}}, &state);
  EXPECT_THAT(state.requests, SizeIs(AgentState::kMaxRequests));
  EXPECT_EQ(state.requests.back().request_id, "1499");
  Apply(RequestSaved{{"1499", DownloadId(3)}}, &state);
  EXPECT_THAT(state.requests, SizeIs(AgentState::kMaxRequests));
  EXPECT_THAT(state.downloads, IsEmpty());
}

}  // namespace
}  // namespace shoal::leecher
