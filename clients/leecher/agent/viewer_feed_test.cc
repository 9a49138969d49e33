#include "clients/leecher/agent/viewer_feed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shoal/base/manual_clock.h"

namespace shoal::leecher {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class ViewerFeedTest : public ::testing::Test {
 protected:
  // Calls what is due.
  void Wake() {
    for (const auto& wake : feed_.TakeWakes()) wake();
  }
  // A viewer that has seen everything, and sleeps.
  ViewerFeed::Viewer Asleep(int* wakes) {
    const ViewerFeed::Viewer viewer = feed_.Add([wakes] { ++*wakes; });
    while (feed_.Take(viewer).has_value()) {
    }
    return viewer;
  }

  ManualClock clock_;
  std::vector<std::string> told_;
  ViewerFeed feed_{&clock_, [this](const AgentEvent& event) { told_.push_back(event.text); }};
};

TEST_F(ViewerFeedTest, AViewerBeginsWithASnapshot) {
  feed_.Changed(DownloadId(1));
  const ViewerFeed::Viewer viewer = feed_.Add([] {});
  feed_.Removed(DownloadId(2));
  const auto news = feed_.Take(viewer);
  ASSERT_TRUE(news.has_value());
  EXPECT_TRUE(news->snapshot);
  EXPECT_TRUE(news->totals);
  EXPECT_TRUE(news->follows);
  EXPECT_THAT(news->changed, IsEmpty());
  EXPECT_THAT(news->removed, IsEmpty());
  EXPECT_FALSE(feed_.Take(viewer).has_value());
}

TEST_F(ViewerFeedTest, ManyChangesOfADownloadAreOne) {
  int wakes = 0;
  const ViewerFeed::Viewer viewer = Asleep(&wakes);
  for (int i = 0; i < 1000; ++i) feed_.Changed(DownloadId(1));
  feed_.Changed(DownloadId(2));
  feed_.TotalsChanged();
  Wake();
  EXPECT_EQ(wakes, 1);
  const auto news = feed_.Take(viewer);
  EXPECT_FALSE(news->snapshot);
  EXPECT_THAT(news->changed, ElementsAre(DownloadId(1), DownloadId(2)));
  EXPECT_TRUE(news->totals);
  EXPECT_FALSE(news->follows);
}

TEST_F(ViewerFeedTest, WhatWasRemovedDidNotChange) {
  int wakes = 0;
  const ViewerFeed::Viewer viewer = Asleep(&wakes);
  feed_.Changed(DownloadId(1));
  feed_.Removed(DownloadId(1));
  const auto news = feed_.Take(viewer);
  EXPECT_THAT(news->changed, IsEmpty());
  EXPECT_THAT(news->removed, ElementsAre(DownloadId(1)));
}

TEST_F(ViewerFeedTest, WakesWhoSleepsAndNobodyElse) {
  int sleeper = 0;
  Asleep(&sleeper);
  int awake = 0;
  feed_.Add([&] { ++awake; });
  feed_.FollowsChanged();
  Wake();
  feed_.FollowsChanged();
  Wake();
  EXPECT_EQ(sleeper, 1);
  EXPECT_EQ(awake, 0);
}

TEST_F(ViewerFeedTest, NobodyIsWokenAfterItsEnd) {
  int wakes = 0;
  feed_.End(Asleep(&wakes));
  feed_.Changed(DownloadId(1));
  EXPECT_THAT(feed_.TakeWakes(), IsEmpty());
}

TEST_F(ViewerFeedTest, EventsComeOnceAndInOrder) {
  feed_.Tell(DownloadId(), "warning", "before");
  const ViewerFeed::Viewer viewer = feed_.Add([] {});
  auto news = feed_.Take(viewer);
  ASSERT_THAT(news->events, SizeIs(1));
  EXPECT_EQ(news->events[0].text, "before");
  EXPECT_EQ(news->events[0].time, clock_.Now());
  feed_.Tell(DownloadId(3), "added", "one");
  feed_.Tell(DownloadId(4), "added", "two");
  news = feed_.Take(viewer);
  ASSERT_THAT(news->events, SizeIs(2));
  EXPECT_EQ(news->events[0].text, "one");
  EXPECT_EQ(news->events[1].sequence, news->events[0].sequence + 1);
  EXPECT_FALSE(news->events_lost);
  EXPECT_THAT(told_, ElementsAre("before", "one", "two"));
}

TEST_F(ViewerFeedTest, TheLatestEventsAreKept) {
  int wakes = 0;
  const ViewerFeed::Viewer slow = Asleep(&wakes);
  for (size_t i = 0; i < ViewerFeed::kKeptEvents + 1; ++i) feed_.Tell(DownloadId(i % 2), "added", "");
  auto news = feed_.Take(slow);
  EXPECT_TRUE(news->events_lost);
  EXPECT_THAT(news->events, SizeIs(ViewerFeed::kKeptEvents));
  news = feed_.Take(feed_.Add([] {}));
  EXPECT_FALSE(news->events_lost);
  EXPECT_THAT(news->events, SizeIs(ViewerFeed::kShownEvents));
  const std::vector<AgentEvent> one = feed_.EventsOf(DownloadId(1), 3);
  ASSERT_THAT(one, SizeIs(3));
  EXPECT_EQ(one[2].sequence, one[0].sequence + 4);
  EXPECT_THAT(feed_.EventsOf(DownloadId(9), 3), IsEmpty());
}

}  // namespace
}  // namespace shoal::leecher
