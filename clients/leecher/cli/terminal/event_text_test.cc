#include "clients/leecher/cli/terminal/event_text.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "shoal/base/error_cause.h"

namespace shoal::leecher {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Optional;

const Endpoint kPeer{IpAddress::V4({192, 0, 2, 7}), 6881};

TEST(EventTextTest, StartNamesTheSizeAndWhatAnEarlierRunFetched) {
  EventText text;
  DownloadStarted start{
      .content_id = {}, .name = "m", .target_path = "m", .length_bytes = 1000, .chunk_count = 2};
  EXPECT_THAT(text.Describe(start), Optional(HasSubstr("1000 B in 2 chunks, id 000000000000")));
  start.wanted_bytes = 1000;
  start.resumed_bytes = 430;
  EXPECT_THAT(text.Describe(start), Optional(HasSubstr("continues from 43%")));
}

TEST(EventTextTest, StartNamesTheSelection) {
  EventText text;
  DownloadStarted start;
  start.length_bytes = 1000;
  start.files = 20;
  start.wanted_files = 3;
  start.wanted_bytes = 300;
  EXPECT_THAT(text.Describe(start), Optional(HasSubstr("; selected: 3 of 20 files, 300 B")));
}

TEST(EventTextTest, PausesHaveASentence) {
  EventText text;
  EXPECT_THAT(text.Describe(PausedChanged{true}), Optional(HasSubstr("paused")));
  EXPECT_EQ(text.Describe(PausedChanged{false}), "resumed");
  EXPECT_THAT(text.Describe(ContentReplaced{ContentId(), 2048}),
              Optional(AllOf(HasSubstr("starting over"), HasSubstr("2.00 KiB"))));
}

TEST(EventTextTest, AWarningIsOneLine) {
  EventText text;
  EXPECT_EQ(text.Describe(DownloadWarning{"the file system of out has no file locks"}),
            "warning: the file system of out has no file locks");
  EXPECT_EQ(text.Describe(DownloadWarning{"a\nb"}), "warning: a\\x0ab");
}

TEST(EventTextTest, ADroppedPeerHasAReason) {
  EventText text;
  EXPECT_THAT(text.Describe(PeerLost{{}, kPeer, "sent wrong bytes", true}),
              Optional(HasSubstr("peer 192.0.2.7:6881 dropped for good: sent wrong bytes")));
}

TEST(EventTextTest, SentencesAboutOnePeerAreBounded) {
  EventText text;
  const PeerLost lost{{}, kPeer, "connection refused", false};
  EXPECT_TRUE(text.Describe(lost).has_value());
  EXPECT_TRUE(text.Describe(lost).has_value());
  EXPECT_THAT(text.Describe(lost), Optional(HasSubstr("will not be shown")));
  EXPECT_FALSE(text.Describe(lost).has_value());
  EXPECT_THAT(text.Describe(ChunksMoved{{}, kPeer, 4, "it is slow"}),
              Optional(HasSubstr("4 chunks moved from")));
  const PeerLost other{{}, Endpoint{kPeer.ip, 1}, "connection refused", false};
  EXPECT_TRUE(text.Describe(other).has_value());
}

TEST(EventTextTest, TextFromPeersIsEscaped) {
  EventText text;
  EXPECT_THAT(text.Describe(ChunkRejected{ChunkIndex(3), {}, kPeer, "evil\x1b[31m"}),
              Optional(HasSubstr("evil\\x1b[31m")));
}

TEST(EventTextTest, TrackersGoAwayAndComeBack) {
  EventText text;
  const tracking::TrackerUrl url{tracking::TrackerUrl::Protocol::kUdp, {"t", 6969}};
  EXPECT_THAT(text.Describe(TrackerChanged{url, absl::UnavailableError("no answer")}),
              Optional(std::string("tracker udp://t:6969 is away: no answer")));
  EXPECT_THAT(text.Describe(TrackerChanged{url, absl::UnavailableError("tracker udp://t:6969 is deaf")}),
              Optional(std::string("tracker udp://t:6969 is away: is deaf")));
  EXPECT_THAT(text.Describe(TrackerChanged{url, absl::OkStatus()}),
              Optional(std::string("tracker udp://t:6969 is back")));
  const absl::Status refused = absl::ResourceExhaustedError("tracker udp://t:6969: too many calls");
  EXPECT_THAT(text.Describe(TrackerChanged{url, WithCause(refused, ErrorCause::kTrackerRefused)}),
              Optional(std::string("tracker udp://t:6969 refuses: too many calls")));
  const absl::Status token = absl::UnauthenticatedError("tracker udp://t:6969: asks for a token");
  EXPECT_THAT(text.Describe(TrackerChanged{url, WithCause(token, ErrorCause::kNotPermitted)}),
              Optional(std::string("tracker udp://t:6969 refuses: asks for a token")));
}

TEST(EventTextTest, AReasonToWaitIsNotRepeated) {
  EventText text;
  EXPECT_TRUE(text.Describe(Waiting{"no peer"}).has_value());
  EXPECT_FALSE(text.Describe(Waiting{"no peer"}).has_value());
  EXPECT_FALSE(text.Describe(Waiting{""}).has_value());
  EXPECT_FALSE(text.Describe(Waiting{"no peer"}).has_value());
  EXPECT_TRUE(text.Describe(Waiting{"the disk is slow"}).has_value());
  EXPECT_TRUE(text.Describe(Waiting{"no peer"}).has_value());
}

}  // namespace
}  // namespace shoal::leecher
