#include "clients/leecher/cli/terminal/summary.h"

#include <string>

#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "shoal/base/error_cause.h"

namespace shoal::leecher {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr uint64_t kMiB = 1024 * 1024;
const tracking::TrackerUrl kTracker{tracking::TrackerUrl::Protocol::kGrpc, {"tracker", 50051}};
const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

DownloadRecord Record(absl::Status outcome) {
  DownloadRecord record("model.tar", {kTracker}, absl::ZeroDuration());
  record.Observe(DownloadStarted{.content_id = {}, .name = "model.tar", .target_path = "out/model.tar"},
                 absl::Seconds(1));
  record.Observe(DownloadFinished{std::move(outcome), "", {}}, absl::Seconds(4));
  return record;
}

DownloadStatus Status() {
  DownloadStatus status;
  status.name = "model.tar";
  status.length_bytes = status.wanted_bytes = 400 * kMiB;
  status.held_bytes = 400 * kMiB;
  status.chunk_count = status.wanted_chunks = 800;
  status.files = status.wanted_files = 1;
  status.chunks_held = 800;
  for (uint16_t i = 0; i < 3; ++i) {
    DownloadStatus::Peer peer;
    peer.endpoint = {IpAddress::V4({127, 0, 0, 1}), static_cast<uint16_t>(40001 + i)};
    peer.chunks = i == 2 ? 200 : 300;
    peer.received_bytes = peer.chunks * kMiB / 2;
    status.peers.push_back(peer);
  }
  return status;
}

std::string Text(const std::vector<std::string>& lines) {
  return absl::StrJoin(lines, "\n");
}

TEST(SummaryTest, ShowsTheShareOfEachPeer) {
  EXPECT_THAT(SummaryLines(Record(absl::OkStatus()), Status(), 80),
              ElementsAre("model.tar: 400 MiB in 4.0s, 100 MiB/s on average",
                          "  PEER             CHUNKS  SHARE    BYTES        RATE  FAILURES",
                          "  127.0.0.1:40001     300  37.5%  150 MiB  37.5 MiB/s         0",
                          "  127.0.0.1:40002     300  37.5%  150 MiB  37.5 MiB/s         0",
                          "  127.0.0.1:40003     200  25.0%  100 MiB  25.0 MiB/s         0",
                          "  all 800 chunks checked: CRC-32 and SHA-256", "  in out/model.tar"));
}

TEST(SummaryTest, ShowsTheUploads) {
  DownloadStatus status = Status();
  status.peers.resize(2);
  status.peers[1].chunks = 0;
  status.peers[1].received_bytes = 0;
  status.peers[1].sent_bytes = status.sent_bytes = 40 * kMiB;
  EXPECT_THAT(SummaryLines(Record(absl::OkStatus()), status, 80),
              ElementsAre("model.tar: 400 MiB in 4.0s, 100 MiB/s on average",
                          "  PEER             CHUNKS   SHARE    BYTES        RATE      SENT  FAILURES",
                          "  127.0.0.1:40001     300  100.0%  150 MiB  37.5 MiB/s       0 B         0",
                          "  127.0.0.1:40002       0    0.0%      0 B       0 B/s  40.0 MiB         0",
                          "  sent 40.0 MiB to other peers, 10.0 MiB/s on average",
                          "  all 800 chunks checked: CRC-32 and SHA-256", "  in out/model.tar"));
}

TEST(SummaryTest, ShowsTheSelection) {
  DownloadStatus status = Status();
  status.files = 1200;
  status.wanted_files = 3;
  status.length_bytes = 1000 * kMiB;
  EXPECT_THAT(Text(SummaryLines(Record(absl::OkStatus()), status, 80)),
              HasSubstr("selected: 3 of 1,200 files, 400/1000 MiB"));
}

TEST(SummaryTest, ShowsFailuresAndOutages) {
  DownloadRecord record("model.tar", {kTracker}, absl::ZeroDuration());
  record.Observe(TrackerChanged{kTracker, absl::UnavailableError("connection refused")}, absl::Seconds(1));
  record.Observe(TrackerChanged{kTracker, absl::OkStatus()}, absl::Seconds(3));
  record.Observe(DownloadFinished{absl::OkStatus(), "model.tar", {}}, absl::Seconds(4));
  DownloadStatus status = Status();
  status.chunks_refetched = 2;
  status.peers[1].failures = 2;
  status.peers[1].dropped_because =
      "sent bytes that are not the content's, twice, and then some more of them\x1b[2J";
  const std::vector<std::string> lines = SummaryLines(record, status, 80);
  EXPECT_THAT(Text(lines), HasSubstr("2 chunks refetched from another peer"));
  EXPECT_THAT(Text(lines), HasSubstr("  127.0.0.1:40002 was dropped: sent bytes"));
  EXPECT_THAT(Text(lines),
              HasSubstr("tracker grpc://tracker:50051 failed once, for 2.0s: connection refused"));
  EXPECT_THAT(Text(lines), Not(HasSubstr("\x1b")));
}

TEST(SummaryTest, AResumedDownloadCountsOnlyWhatItFetched) {
  DownloadStatus status = Status();
  status.resumed_bytes = 200 * kMiB;
  const std::string text = Text(SummaryLines(Record(absl::OkStatus()), status, 80));
  EXPECT_THAT(text, HasSubstr("200 MiB in 4.0s, 50.0 MiB/s"));
  EXPECT_THAT(text, HasSubstr("200 MiB of 400 MiB came from an earlier run"));
  status.resumed_bytes = status.length_bytes;
  EXPECT_THAT(Text(SummaryLines(Record(absl::OkStatus()), status, 80)), HasSubstr("nothing to fetch"));
}

TEST(SummaryTest, AnEmptyContentHasASummary) {
  EXPECT_THAT(Text(SummaryLines(Record(absl::OkStatus()), DownloadStatus(), 80)), HasSubstr("0 B in 4.0s"));
}

TEST(FailureTest, AnInterruptedDownloadSaysHowToContinue) {
  DownloadStatus status = Status();
  status.chunks_held = 344;
  status.held_bytes = 172 * kMiB;
  const std::string text = Text(FailureLines(Record(absl::CancelledError("")), status, kNow, 80));
  EXPECT_THAT(text, StartsWith("model.tar: stopped"));
  EXPECT_THAT(text, HasSubstr("344 of 800 chunks are kept (43%): run the same command again to continue"));
}

TEST(FailureTest, NothingIsKeptInAFolderThatIsGone) {
  DownloadStatus status = Status();
  status.chunks_held = 344;
  status.held_bytes = 172 * kMiB;
  const absl::Status gone =
      WithCause(absl::DataLossError("the output folder out was removed"), ErrorCause::kTargetGone);
  const std::string text = Text(FailureLines(Record(gone), status, kNow, 80));
  EXPECT_THAT(text, StartsWith("model.tar: the output folder out was removed"));
  EXPECT_THAT(text, Not(HasSubstr("kept")));
}

TEST(FailureTest, AnAmbiguousNameListsAllOfThem) {
  DownloadRecord record("model.tar", {kTracker}, absl::ZeroDuration());
  DownloadFinished finished{absl::FailedPreconditionError("several"), "", {}};
  for (uint8_t i = 1; i <= 2; ++i) {
    tracking::ContentStatus content;
    std::array<uint8_t, 32> id{};
    id.fill(static_cast<uint8_t>(i * 0x11));
    content.summary.name = "model.tar";
    content.summary.id = ContentId(id);
    content.summary.length_bytes = i * kMiB;
    content.first_seen = kNow - absl::Hours(i);
    content.seeders = i;
    finished.candidates.push_back(content);
  }
  record.Observe(finished, absl::Seconds(1));
  EXPECT_THAT(FailureLines(record, DownloadStatus(), kNow, 80),
              ElementsAre("model.tar: 2 contents have this name:",
                          "  ID                    SIZE    AGE  SEEDERS  LEECHERS",
                          "  1111111111111111  1.00 MiB  1h00m        1         0",
                          "  2222222222222222  2.00 MiB  2h00m        2         0",
                          "Say which one by its id, or the first 16 digits of it, such as",
                          "  shoal-leecher get 1111111111111111"));
}

TEST(FormatAgeTest, UnknownIsADash) {
  EXPECT_EQ(FormatAge(absl::Time(), kNow), "-");
  EXPECT_EQ(FormatAge(kNow - absl::Seconds(12), kNow), "12s");
  EXPECT_EQ(FormatAge(kNow + absl::Seconds(12), kNow), FormatAge(kNow, kNow));
}

}  // namespace
}  // namespace shoal::leecher
