#include "clients/leecher/agent/live_downloads.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "clients/leecher/download/test_swarm.h"
#include "shoal/base/manual_clock.h"
#include "shoal/content/store/earlier_run.h"

namespace shoal::leecher {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using State = AgentDownload::State;
using Chore = LiveDownloads::Chore;

// Contents that are complete already: what needs a swarm is tested with the whole agent.
class LiveDownloadsTest : public ::testing::Test {
 protected:
  LiveDownloadsTest() {
    std::string warning;
    journal_ = *AgentJournal::Open(folder_.Path("journal"), &warning);
    Downloads::Options downloads;
    downloads.runtime.make_tracker_client = [this](const tracking::TrackerUrl& url) {
      return tracker_.MakeClient(url);
    };
    downloads_ = *Downloads::Start(std::move(downloads));
    rules_ = std::make_unique<FollowRules>(&journal_->state(), FollowRules::Options(), &feed_);
    LiveDownloads::Options options;
    options.downloads = downloads_.get();
    options.journal = journal_.get();
    options.records = &records_;
    options.rules = rules_.get();
    options.budget = &budget_;
    options.feed = &feed_;
    options.clock = &clock_;
    live_ = std::make_unique<LiveDownloads>(options);
  }

  // Saves a download that an earlier run completed, and begins it.
  DownloadId Complete(const std::string& name, size_t bytes, const std::string& followed_glob = "") {
    const TestContent content = Publish(folder_.Write("out/" + name, RandomBytes(bytes, 1)));
    SavedDownload saved;
    saved.id = journal_->state().next_id;
    saved.wanted = saved.name = name;
    saved.content_id = content.manifest->id();
    saved.trackers = {"127.0.0.1:1"};
    saved.output_folder = folder_.Path("out");
    saved.followed_glob = followed_glob;
    saved.completed = clock_.Now();
    clock_.Advance(absl::Seconds(1));
    EXPECT_TRUE(
        records_.KeepComplete(*content.manifest, RootOfWhole(*content.manifest, saved.output_folder)).ok());
    EXPECT_TRUE(journal_->Commit({DownloadSaved{saved}}).ok());
    live_->Begin(saved.id);
    return saved.id;
  }
  std::vector<std::string> Kinds(DownloadId id) {
    std::vector<std::string> kinds;
    for (const AgentEvent& event : feed_.EventsOf(id, 100)) kinds.push_back(event.kind);
    return kinds;
  }

  const TestFolder folder_;
  TestTracker tracker_;
  ManualClock clock_;
  ViewerFeed feed_{&clock_, nullptr};
  DiskBudget budget_{250, &clock_};
  const ContentRecords records_ = *ContentRecords::Open(folder_.Path("contents"));
  std::unique_ptr<AgentJournal> journal_;
  std::unique_ptr<Downloads> downloads_;
  std::unique_ptr<FollowRules> rules_;
  std::unique_ptr<LiveDownloads> live_;
};

TEST_F(LiveDownloadsTest, WhatAnEarlierRunCompletedIsHeldAtOnce) {
  const DownloadId id = Complete("model", 100);
  const AgentDownload view = live_->View(id);
  EXPECT_EQ(view.state, State::kComplete);
  EXPECT_EQ(view.status.held_bytes, 100u);
  EXPECT_EQ(view.target_path, folder_.Path("out/model"));
  EXPECT_NE(live_->Find(id)->held, nullptr);
  EXPECT_EQ(live_->Find(DownloadId(9)), nullptr);
  EXPECT_THAT(live_->TakeChores(), IsEmpty());
}

TEST_F(LiveDownloadsTest, AContentThatChangedOnTheDiskHasFailed) {
  const DownloadId id = Complete("model", 100);
  folder_.Write("out/model", "a person's own");
  live_->Begin(id);
  EXPECT_EQ(live_->View(id).state, State::kFailed);
  EXPECT_THAT(std::string(live_->View(id).failure.message()), HasSubstr("was changed by another program"));
  EXPECT_EQ(live_->failures(), 1u);
  EXPECT_THAT(Kinds(id), ElementsAre("failed"));
}

TEST_F(LiveDownloadsTest, WhatCannotBeReadAnyMoreHasFailed) {
  const DownloadId id = Complete("model", 100);
  const DownloadId other = Complete("other", 100);
  live_->ObserveBroken(live_->saved(id).content_id, absl::DataLossError("a bad disk"));
  EXPECT_EQ(live_->View(id).state, State::kFailed);
  EXPECT_EQ(live_->Find(id)->held, nullptr);
  EXPECT_EQ(live_->View(other).state, State::kComplete);
}

TEST_F(LiveDownloadsTest, ARemovedDownloadIsThereUntilItsChoreIsDone) {
  const DownloadId id = Complete("model", 100);
  ASSERT_TRUE(live_->Remove({id, DownloadId(9)}, /*with_data=*/true).ok());
  EXPECT_EQ(live_->Find(id)->held, nullptr);
  EXPECT_TRUE(live_->saved(id).removing);
  const std::deque<Chore> chores = live_->TakeChores();
  ASSERT_THAT(chores, SizeIs(1));
  EXPECT_EQ(chores[0].kind, Chore::Kind::kRemove);
  EXPECT_TRUE(chores[0].saved.remove_data);
  ASSERT_TRUE(live_->Remove({id}, /*with_data=*/false).ok());
  EXPECT_THAT(live_->TakeChores(), IsEmpty()) << "its removal goes on";
  live_->Removed(chores[0], {"its files stay"});
  EXPECT_EQ(live_->Find(id), nullptr);
  EXPECT_THAT(journal_->state().downloads, IsEmpty());
  EXPECT_THAT(Kinds(id), ElementsAre("warning", "removed"));
}

TEST_F(LiveDownloadsTest, ARemovalThatARestartInterruptedGoesOn) {
  const DownloadId id = Complete("model", 100);
  ASSERT_TRUE(live_->Remove({id}, /*with_data=*/true).ok());
  live_->TakeChores();
  live_->Begin(id);
  ASSERT_THAT(live_->TakeChores(), SizeIs(1));
}

TEST_F(LiveDownloadsTest, FreesRoomFromTheLeastRecentlyUsedOn) {
  const DownloadId pinned = Complete("pinned", 50);
  SavedDownload saved = live_->saved(pinned);
  saved.pinned = true;
  ASSERT_TRUE(journal_->Commit({DownloadSaved{saved}}).ok());
  const DownloadId read = Complete("read", 50);
  const std::shared_ptr<void> reader = live_->BeginReading(read);
  const DownloadId old = Complete("old", 50, "o*");
  const DownloadId young = Complete("young", 50);
  EXPECT_TRUE(live_->FreeRoom(50));
  EXPECT_THAT(live_->TakeChores(), IsEmpty());
  EXPECT_TRUE(live_->FreeRoom(51));
  EXPECT_TRUE(live_->saved(old).removing);
  EXPECT_THAT(journal_->state().forgotten, ElementsAre(live_->saved(old).content_id))
      << "its rule does not bring it back";
  EXPECT_THAT(Kinds(old), ElementsAre("evicted"));
  EXPECT_FALSE(live_->FreeRoom(151)) << "what is pinned or read stays";
  EXPECT_FALSE(live_->saved(young).removing);
  EXPECT_EQ(live_->BeginReading(DownloadId(9)), nullptr);
}

TEST_F(LiveDownloadsTest, ACompletedChoreIsRecordedUnlessTheDownloadGoes) {
  const DownloadId id = Complete("model", 100);
  const Chore chore{Chore::Kind::kComplete, live_->saved(id), live_->Find(id)->manifest, true};
  const absl::Time before = live_->saved(id).completed;
  clock_.Advance(absl::Hours(1));
  EXPECT_FALSE(live_->Completed(chore, {}).has_value()) << "as after a restart";
  EXPECT_EQ(live_->saved(id).completed, before);
  EXPECT_THAT(Kinds(id), IsEmpty());
  SavedDownload incomplete = live_->saved(id);
  incomplete.completed = absl::InfinitePast();
  ASSERT_TRUE(journal_->Commit({DownloadSaved{incomplete}}).ok());
  const auto complete = live_->Completed(chore, {});
  ASSERT_TRUE(complete.has_value());
  EXPECT_EQ(complete->saved.completed, clock_.Now());
  EXPECT_THAT(Kinds(id), ElementsAre("complete"));
  ASSERT_TRUE(live_->Remove({id}, /*with_data=*/false).ok());
  EXPECT_FALSE(live_->Completed(chore, {"not said"}).has_value());
  EXPECT_THAT(Kinds(id), ElementsAre("complete"));
}

TEST_F(LiveDownloadsTest, ADownloadThatFailedBeginsAgainWhenItIsResumed) {
  const DownloadId id = Complete("model", 100);
  live_->ObserveBroken(live_->saved(id).content_id, absl::DataLossError("a bad disk"));
  live_->ApplyPause(id);
  EXPECT_EQ(live_->View(id).state, State::kComplete) << "the disk has come back";
}

TEST_F(LiveDownloadsTest, WhatChangedOnTheDiskIsRepairedWhenItIsResumed) {
  const DownloadId id = Complete("model", 100);
  const ContentId content = live_->saved(id).content_id;
  folder_.Write("out/model", "a person's own");
  live_->Begin(id);
  ASSERT_EQ(live_->View(id).state, State::kFailed);
  live_->ApplyPause(id);
  EXPECT_EQ(live_->View(id).state, State::kVerifying);
  EXPECT_TRUE(live_->View(id).failure.ok());
  EXPECT_TRUE(live_->saved(id).repair);
  EXPECT_EQ(live_->saved(id).completed, absl::InfinitePast());
  EXPECT_EQ(live_->saved(id).content_id, content);
  EXPECT_EQ(live_->failures(), 1u);
  EXPECT_THAT(Kinds(id), ElementsAre("failed", "verifying"));
}

TEST_F(LiveDownloadsTest, IgnoresEventsOfOtherDownloads) {
  EXPECT_FALSE(live_->Observe({DownloadKey(99), DownloadFinished(), DownloadStatus()}));
}

}  // namespace
}  // namespace shoal::leecher
