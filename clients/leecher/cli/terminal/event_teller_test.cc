#include "clients/leecher/cli/terminal/event_teller.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace shoal::leecher {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Optional;

const Endpoint kPeer{IpAddress::V4({192, 0, 2, 7}), 6881};

TEST(EventTellerTest, TellsWhatIsFetchedAndWhatIsThere) {
  EventTeller teller;
  DownloadStarted start{
      .content_id = {}, .name = "m", .target_path = "m", .length_bytes = 1000, .chunk_count = 2};
  EXPECT_THAT(teller.Tell(start), Optional(HasSubstr("1000 B in 2 chunks, id 000000000000")));
  start.wanted_bytes = 1000;
  start.resumed_bytes = 430;
  EXPECT_THAT(teller.Tell(start), Optional(HasSubstr("going on from 43%")));
}

TEST(EventTellerTest, TellsWhatIsWanted) {
  EventTeller teller;
  DownloadStarted start;
  start.length_bytes = 1000;
  start.files = 20;
  start.wanted_files = 3;
  start.wanted_bytes = 300;
  EXPECT_THAT(teller.Tell(start), Optional(HasSubstr("; wanted are 3 of 20 files, 300 B")));
}

TEST(EventTellerTest, TellsOfPauses) {
  EventTeller teller;
  EXPECT_THAT(teller.Tell(PausedChanged{true}), Optional(HasSubstr("paused")));
  EXPECT_EQ(teller.Tell(PausedChanged{false}), "goes on");
}

TEST(EventTellerTest, SaysWhyAPeerIsDropped) {
  EventTeller teller;
  EXPECT_THAT(teller.Tell(PeerLost{{}, kPeer, "sent wrong bytes", true}),
              Optional(HasSubstr("peer 192.0.2.7:6881 dropped for good: sent wrong bytes")));
}

TEST(EventTellerTest, RepeatsItselfOnlyAFewTimes) {
  EventTeller teller;
  const PeerLost lost{{}, kPeer, "connection refused", false};
  EXPECT_TRUE(teller.Tell(lost).has_value());
  EXPECT_TRUE(teller.Tell(lost).has_value());
  EXPECT_THAT(teller.Tell(lost), Optional(HasSubstr("will not be shown")));
  EXPECT_FALSE(teller.Tell(lost).has_value());
  EXPECT_THAT(teller.Tell(ChunksMoved{{}, kPeer, 4, "it is slow"}),
              Optional(HasSubstr("4 chunks moved from")));
  const PeerLost other{{}, Endpoint{kPeer.ip, 1}, "connection refused", false};
  EXPECT_TRUE(teller.Tell(other).has_value());
}

TEST(EventTellerTest, OtherPeoplesWordsAreEscaped) {
  EventTeller teller;
  EXPECT_THAT(teller.Tell(ChunkRejected{ChunkIndex(3), {}, kPeer, "evil\x1b[31m"}),
              Optional(HasSubstr("evil\\x1b[31m")));
}

TEST(EventTellerTest, TrackersComeAndGo) {
  EventTeller teller;
  const tracking::TrackerUrl url{tracking::TrackerUrl::Protocol::kUdp, {"t", 6969}};
  EXPECT_THAT(teller.Tell(TrackerChanged{url, absl::UnavailableError("no answer")}),
              Optional(std::string("tracker udp://t:6969 is away: no answer")));
  EXPECT_THAT(teller.Tell(TrackerChanged{url, absl::UnavailableError("tracker udp://t:6969 is deaf")}),
              Optional(std::string("tracker udp://t:6969 is away: is deaf")));
  EXPECT_THAT(teller.Tell(TrackerChanged{url, absl::OkStatus()}),
              Optional(std::string("tracker udp://t:6969 is back")));
}

TEST(EventTellerTest, EachReasonToWaitIsToldOnce) {
  EventTeller teller;
  EXPECT_TRUE(teller.Tell(Waiting{"no peer"}).has_value());
  EXPECT_FALSE(teller.Tell(Waiting{"no peer"}).has_value());
  EXPECT_FALSE(teller.Tell(Waiting{""}).has_value());
  EXPECT_FALSE(teller.Tell(Waiting{"no peer"}).has_value());
  EXPECT_TRUE(teller.Tell(Waiting{"the disk is slow"}).has_value());
  EXPECT_TRUE(teller.Tell(Waiting{"no peer"}).has_value());
}

}  // namespace
}  // namespace shoal::leecher
