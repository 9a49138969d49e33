#include "clients/leecher/agent/tracker_offers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "clients/leecher/download/test_swarm.h"

namespace shoal::leecher {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class TrackerOffersTest : public ::testing::Test {
 protected:
  std::unique_ptr<TrackerOffers> Start() {
    TrackerOffers::Options options;
    options.trackers = {*tracking::TrackerUrl::Parse("127.0.0.1:1"),
                        *tracking::TrackerUrl::Parse("127.0.0.1:2")};
    options.client_at = [this](const tracking::TrackerUrl& url) -> std::shared_ptr<tracking::TrackerClient> {
      return (url.address.port == 1 ? one_ : other_).MakeClient(url);
    };
    options.interval = absl::Milliseconds(10);
    options.on_offering = [this](const Offering& offering) {
      MutexLock lock(&mutex_);
      ++asked_;
      latest_ = offering;
      changed_.NotifyAll();
    };
    return std::make_unique<TrackerOffers>(std::move(options));
  }
  void Offer(TestTracker& tracker, const std::string& name) {
    tracker.Add(*Publish(folder_.Write("in/" + name, name)).manifest, {});
  }
  static std::vector<std::string> Names(const OfferPage& page) {
    std::vector<std::string> names;
    for (const leecher::Offer& offer : page.offers) names.push_back(offer.content.summary.name);
    return names;
  }
  // Blocks until trackers were asked so often.
  void AwaitAsked(int times) {
    MutexLock lock(&mutex_);
    while (asked_ < times) changed_.Wait(&mutex_);
  }

  TestFolder folder_;
  TestTracker one_;
  TestTracker other_;
  Mutex mutex_;
  CondVar changed_;
  int asked_ ABSL_GUARDED_BY(mutex_) = 0;
  Offering latest_ ABSL_GUARDED_BY(mutex_);
};

TEST_F(TrackerOffersTest, AreOneListOfAllTrackers) {
  Offer(one_, "alpha");
  Offer(one_, "both");
  Offer(other_, "both");
  Offer(other_, "gamma");
  const auto offers = Start();
  const auto page = offers->Page("", {}, 10);
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_THAT(Names(*page), ElementsAre("alpha", "both", "gamma"));
  EXPECT_EQ(page->offers[0].trackers.size(), 1u);
  EXPECT_EQ(page->offers[1].trackers.size(), 2u);
  EXPECT_FALSE(page->more);
  EXPECT_THAT(Names(*offers->Page("AMM", {}, 10)), ElementsAre("gamma"));
}

TEST_F(TrackerOffersTest, ComeInPages) {
  for (const char* name : {"a", "b", "c"}) Offer(one_, name);
  const auto offers = Start();
  const auto first = offers->Page("", {}, 2);
  EXPECT_THAT(Names(*first), ElementsAre("a", "b"));
  EXPECT_TRUE(first->more);
  const tracking::ContentSummary& last = first->offers.back().content.summary;
  const auto second = offers->Page("", {last.name, last.id}, 2);
  EXPECT_THAT(Names(*second), ElementsAre("c"));
  EXPECT_FALSE(second->more);
}

TEST_F(TrackerOffersTest, OneTrackerIsEnough) {
  Offer(one_, "alpha");
  other_.SetAway(true);
  EXPECT_THAT(Names(*Start()->Page("", {}, 10)), ElementsAre("alpha"));
  one_.SetAway(true);
  EXPECT_TRUE(absl::IsUnavailable(Start()->Page("", {}, 10).status()));
}

TEST_F(TrackerOffersTest, AreAskedForWhileNamesAreFollowed) {
  const auto offers = Start();
  {
    MutexLock lock(&mutex_);
    EXPECT_EQ(asked_, 0);
  }
  offers->SetFollowed(true);
  AwaitAsked(3);
  MutexLock lock(&mutex_);
  EXPECT_THAT(*latest_, IsEmpty());
}

}  // namespace
}  // namespace shoal::leecher
