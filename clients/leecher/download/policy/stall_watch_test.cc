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

TEST_F(StallWatchTest, TellsOnceWhyNothingMovesAndOnceThatItMoves) {
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

TEST_F(StallWatchTest, AnEventThatMovesThingsIsToldAtOnce) {
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

}  // namespace
}  // namespace shoal::leecher
