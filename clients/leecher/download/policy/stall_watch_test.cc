#include "clients/leecher/download/policy/stall_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace shoal::leecher {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr absl::Duration kStart = absl::Hours(1);
const char kNobody[] = "no peer has it at the moment";

class StallWatchTest : public testing::Test {
 protected:
  StallWatch Watch() {
    return StallWatch(absl::Seconds(2), kStart,
                      [this](const std::string& because) { told_.push_back(because); });
  }
  void Check(StallWatch& watch, absl::Duration after) {
    watch.Check(kStart + after, [this] { return facts_; });
  }

  std::vector<std::string> told_;
  StallFacts facts_ = {.content_found = true, .have_manifest = true, .trackers = 1};
};

TEST_F(StallWatchTest, ReportsAReasonOnceAndItsEndOnce) {
  StallWatch watch = Watch();
  Check(watch, absl::Seconds(1.9));
  EXPECT_THAT(told_, IsEmpty());
  Check(watch, absl::Seconds(2));
  Check(watch, absl::Seconds(20));
  EXPECT_THAT(told_, ElementsAre(kNobody));
  EXPECT_EQ(watch.because(), kNobody);
  watch.MovedALittle(kStart + absl::Seconds(21));
  EXPECT_THAT(told_, ElementsAre(kNobody)) << "bytes come too often to be told one by one";
  Check(watch, absl::Seconds(21.1));
  EXPECT_THAT(told_, ElementsAre(kNobody, ""));
  EXPECT_EQ(watch.because(), "");
}

TEST_F(StallWatchTest, ProgressIsReportedAtOnce) {
  StallWatch watch = Watch();
  Check(watch, absl::Seconds(3));
  watch.Moved(kStart + absl::Seconds(3));
  watch.Moved(kStart + absl::Seconds(4));
  EXPECT_THAT(told_, ElementsAre(kNobody, ""));
}

TEST_F(StallWatchTest, ANewReasonWaitsForItsTurn) {
  StallWatch watch = Watch();
  Check(watch, absl::Seconds(2));
  facts_.peers_connecting = 1;
  facts_.peers_known = 1;
  Check(watch, absl::Seconds(6.9));
  EXPECT_THAT(told_, ElementsAre(kNobody));
  Check(watch, absl::Seconds(7));
  EXPECT_THAT(told_, ElementsAre(kNobody, "connecting to 1 peer"));
}

StallFacts Fetching() {
  StallFacts facts;
  facts.content_found = true;
  facts.have_manifest = true;
  facts.trackers = 1;
  return facts;
}

TEST(StallReason, SaysWhatIsMissing) {
  StallFacts facts;
  facts.trackers = 1;
  EXPECT_EQ(StallReason(facts), "the tracker does not answer");
  facts.trackers = 2;
  EXPECT_EQ(StallReason(facts), "no tracker answers");

  facts.trackers_refusing = 1;
  facts.refusal = "it asks for a token";
  EXPECT_EQ(StallReason(facts), "no tracker accepts the request: it asks for a token");
  facts.trackers_unknowing = 1;
  EXPECT_EQ(StallReason(facts), "no tracker knows it yet; 1 tracker refuses to answer: it asks for a token");
  facts.trackers_refusing = 0;
  facts.trackers_away = 1;
  EXPECT_EQ(StallReason(facts), "no tracker knows it yet; 1 tracker does not answer");
  facts.trackers_unknowing = 2;
  facts.trackers_away = 0;
  EXPECT_EQ(StallReason(facts), "no tracker knows it yet");
  facts.trackers_warming_up = 1;
  EXPECT_EQ(StallReason(facts), "no tracker knows it yet; 1 tracker started a moment ago");
  facts.trackers = 1;
  facts.trackers_unknowing = 1;
  EXPECT_EQ(StallReason(facts), "the tracker started a moment ago and does not know it yet");
  facts.trackers_warming_up = 0;
  EXPECT_EQ(StallReason(facts), "the tracker does not know it yet");

  facts = Fetching();
  EXPECT_EQ(StallReason(facts), "no peer has it at the moment");
  facts.replaced = true;
  EXPECT_EQ(StallReason(facts), "no peer has it at the moment; its name means another content by now");
  facts.replaced = false;
  facts.trackers_away = 1;
  EXPECT_EQ(StallReason(facts), "no peer has it at the moment; the tracker does not answer");
  facts.trackers = 2;
  facts.trackers_refusing = 1;
  facts.refusal = "it asks for a token";
  EXPECT_EQ(
      StallReason(facts),
      "no peer has it at the moment; 1 tracker does not answer; 1 tracker refuses to answer: it asks for "
      "a token");

  facts = Fetching();
  facts.peers_known = 2;
  EXPECT_EQ(StallReason(facts), "the 2 peers that had it are gone");
  facts.peers_known = 1;
  EXPECT_EQ(StallReason(facts), "the peer that had it is gone");
  facts.peers_known = 2;
  facts.peers_named = 1;
  EXPECT_EQ(StallReason(facts), "2 known peers can't be reached; trying again soon");
  facts.peers_broken = 2;
  EXPECT_EQ(StallReason(facts), "2 known peers can't read the file any more");
  facts.peers_broken = 0;
  facts.peers_wanting_ticket = 1;
  EXPECT_EQ(StallReason(facts), "2 known peers can't be reached; trying again soon");
  facts.peers_wanting_ticket = 2;
  EXPECT_EQ(StallReason(facts),
            "2 known peers want a ticket of a tracker, and this machine has none that counts there");
  facts.peers_wanting_ticket = 0;
  facts.peers_busy = 2;
  EXPECT_EQ(StallReason(facts), "2 known peers are busy; trying again soon");
  facts.peers_connecting = 1;
  EXPECT_EQ(StallReason(facts), "connecting to 1 peer");
  facts.peers_ready = 1;
  EXPECT_EQ(StallReason(facts), "none of 1 connected peer has a chunk that is missing here");
  facts.have_manifest = false;
  EXPECT_EQ(StallReason(facts), "none of 1 peer has the manifest yet");
  facts.peers_owing = 1;
  EXPECT_EQ(StallReason(facts), "1 peer has been asked, and nothing comes");
  facts.disk_behind = true;
  EXPECT_EQ(StallReason(facts), "the disk is still writing what has arrived");

  facts = Fetching();
  facts.peers_dropped = 1;
  EXPECT_EQ(StallReason(facts), "no peer is left: 1 peer sent wrong bytes and will not be asked again");
}

}  // namespace
}  // namespace shoal::leecher
