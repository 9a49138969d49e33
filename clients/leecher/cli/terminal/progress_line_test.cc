#include "clients/leecher/cli/terminal/progress_line.h"

#include <string>

#include "clients/leecher/cli/terminal/terminal_text.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace shoal::leecher {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr uint64_t kMiB = 1024 * 1024;

DownloadStatus Fetching() {
  DownloadStatus status;
  status.phase = DownloadStatus::Phase::kFetching;
  status.name = "model.tar";
  status.length_bytes = 5000 * kMiB;
  status.wanted_bytes = 1000 * kMiB;
  status.held_bytes = 430 * kMiB;
  status.chunk_count = 2000;
  status.chunks_held = 860;
  status.rate_bytes_per_second = 50.0 * kMiB;
  status.eta = absl::Seconds(11);
  status.connected_peers = 3;
  return status;
}

// The width of a line without its colour sequences.
int VisibleWidth(const std::string& line) {
  std::string plain;
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\x1b') {
      i = line.find('m', i);
      continue;
    }
    plain.push_back(line[i]);
  }
  return DisplayWidth(plain);
}

TEST(ProgressLineTest, ShowsEverythingOnOneLine) {
  const std::string line = ProgressLine(Fetching(), "model.tar", {.width = 79});
  EXPECT_EQ(line, "model.tar  43% [======>         ]   430/1000 MiB  50.0 MiB/s  11s left  3 peers");
}

TEST(ProgressLineTest, ShowsTheNumberOfFailures) {
  DownloadStatus status = Fetching();
  status.peers.resize(2);
  status.peers[0].failures = 2;
  status.peers[1].failures = 3;
  EXPECT_THAT(ProgressLine(status, "m", {.width = 100}), HasSubstr("5 failures"));
  EXPECT_THAT(ProgressLine(Fetching(), "m", {.width = 100}), Not(HasSubstr("failure")));
}

TEST(ProgressLineTest, APausedDownloadIsNotWaiting) {
  DownloadStatus status = Fetching();
  status.paused = true;
  status.waiting_because = "no peer is there";
  EXPECT_EQ(ProgressLine(status, "model.tar", {.width = 79}),
            "model.tar  43% [============>                 ]   430/1000 MiB  paused  3 peers");
  EXPECT_EQ(ProgressText(status, "m"), "m: 43%, 430 MiB of 1000 MiB, paused, 3 peers");
}

TEST(ProgressLineTest, ShowsTheUploadRateWhileItUploads) {
  DownloadStatus status = Fetching();
  status.send_rate_bytes_per_second = 3.5 * kMiB;
  EXPECT_THAT(ProgressLine(status, "m", {.width = 100}), HasSubstr("11s left  up 3.50 MiB/s  3 peers"));
  EXPECT_THAT(ProgressText(status, "m"), HasSubstr("11s left, up 3.50 MiB/s, 3 peers"));
  status.phase = DownloadStatus::Phase::kDone;
  EXPECT_THAT(ProgressLine(status, "m", {.width = 100}), Not(HasSubstr("up ")));
}

TEST(ProgressLineTest, NeverWiderThanTheTerminal) {
  DownloadStatus status = Fetching();
  status.peers.resize(1);
  status.peers[0].failures = 12;
  for (const bool unicode : {false, true}) {
    for (const char* waiting : {"", "no peer holds the missing chunks, and the tracker grpc://a:1 is away"}) {
      status.waiting_because = waiting;
      for (int width = 16; width <= 220; ++width) {
        const LineStyle style = {.width = width, .label_width = 0, .unicode = unicode, .color = unicode};
        for (const char* label :
             {"a", "a-very-long-name-of-a-model-00017-of-00042.safetensors", "文件文件文件文件文件文件"}) {
          EXPECT_LE(VisibleWidth(ProgressLine(status, label, style)), width) << width << label;
        }
      }
    }
  }
}

TEST(ProgressLineTest, ANarrowLineDropsTheLeastImportantCells) {
  const std::string line = ProgressLine(Fetching(), "model.tar", {.width = 60});
  EXPECT_THAT(line, HasSubstr("43%"));
  EXPECT_THAT(line, HasSubstr("50.0 MiB/s"));
  EXPECT_THAT(line, Not(HasSubstr("peers")));
}

TEST(ProgressLineTest, ShowsTheReasonToWait) {
  DownloadStatus status = Fetching();
  status.waiting_because = "no peer is there";
  const std::string line = ProgressLine(status, "model.tar", {.width = 79});
  EXPECT_THAT(line, HasSubstr("waiting: no peer is there"));
  EXPECT_THAT(line, Not(HasSubstr("left")));
}

TEST(ProgressLineTest, ShowsTheActivityBeforeTheTotalsAreKnown) {
  DownloadStatus status;
  status.phase = DownloadStatus::Phase::kFetchingManifest;
  EXPECT_EQ(ProgressLine(status, "model.tar", {.width = 79}), "model.tar  fetching the manifest...");
}

TEST(ProgressLineTest, HostileNamesAreEscaped) {
  const LineStyle style = {.width = 79};
  EXPECT_THAT(ProgressLine(Fetching(), "a\x1b[2J", style), StartsWith("a\\x1b[2J "));
  EXPECT_THAT(ProgressText(Fetching(), "a\x1b[2J"), StartsWith("a\\x1b[2J: "));
}

TEST(ProgressLineTest, Shows100PercentOnlyWhenComplete) {
  DownloadStatus status = Fetching();
  status.held_bytes = status.wanted_bytes - 1;
  EXPECT_THAT(ProgressLine(status, "m", {.width = 79}), HasSubstr(" 99% "));
  status.held_bytes = status.wanted_bytes;
  status.phase = DownloadStatus::Phase::kDone;
  EXPECT_THAT(ProgressLine(status, "m", {.width = 79}), HasSubstr("100% "));
}

TEST(ProgressLineTest, AnEmptyContentIsComplete) {
  DownloadStatus status;
  status.phase = DownloadStatus::Phase::kDone;
  EXPECT_THAT(ProgressLine(status, "empty", {.width = 79}), HasSubstr("100% "));
}

TEST(ProgressLineTest, HasColourOnlyWhenTheStyleSaysSo) {
  EXPECT_THAT(ProgressLine(Fetching(), "m", {.width = 79, .unicode = true}), Not(HasSubstr("\x1b")));
  EXPECT_THAT(ProgressLine(Fetching(), "m", {.width = 79, .unicode = true, .color = true}),
              HasSubstr("\x1b[0m"));
}

TEST(ProgressTextTest, IsASentence) {
  EXPECT_EQ(ProgressText(Fetching(), "model.tar"),
            "model.tar: 43%, 430 MiB of 1000 MiB, 50.0 MiB/s, 11s left, 3 peers");
}

TEST(ByteProgressLineTest, ShowsHashing) {
  const std::string line = ByteProgressLine({.done_bytes = 512 * kMiB,
                                             .total_bytes = 1024 * kMiB,
                                             .rate_bytes_per_second = 1024.0 * kMiB,
                                             .eta = absl::Seconds(1)},
                                            "hashing data.bin", {.width = 79});
  EXPECT_THAT(line, HasSubstr(" 50% ["));
  EXPECT_THAT(line, HasSubstr("512 MiB/1.00 GiB"));
  EXPECT_THAT(line, HasSubstr("1s left"));
}

TEST(FormatBytesOfTest, EqualUnitsAreShownOnce) {
  EXPECT_EQ(FormatBytesOf(3 * kMiB, 12 * kMiB), "3.00/12.0 MiB");
  EXPECT_EQ(FormatBytesOf(0, 12 * kMiB), "0 B/12.0 MiB");
}

}  // namespace
}  // namespace shoal::leecher
