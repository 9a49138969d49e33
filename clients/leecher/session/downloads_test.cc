#include "clients/leecher/session/downloads.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "clients/leecher/download/test_swarm.h"
#include "shoal/base/mutex.h"

namespace shoal::leecher {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr uint32_t kChunk = kMinChunkSizeBytes;

class DownloadsTest : public testing::Test {
 protected:
  std::unique_ptr<Downloads> Start(bool serving = false) {
    Downloads::Options options;
    options.runtime.self = RandomPeerId();
    options.runtime.limits = {std::make_shared<net::RateLimit>(net::RateLimit::kUnlimited),
                              std::make_shared<net::RateLimit>(net::RateLimit::kUnlimited)};
    options.runtime.make_tracker_client = [this](const tracking::TrackerUrl& url) {
      return tracker_.MakeClient(url);
    };
    options.wake = [this] {
      MutexLock lock(&mutex_);
      woken_ = true;
      changed_.NotifyAll();
    };
    if (serving) options.serving = Downloads::Serving{*Endpoint::Parse("127.0.0.1:0"), {}, {}, {}};
    return *Downloads::Start(std::move(options));
  }

  DownloadOptions Options(const TestContent& content, const std::string& folder = "out") {
    DownloadOptions options;
    options.content = content.manifest->id();
    options.trackers = {*tracking::TrackerUrl::Parse("127.0.0.1:1")};
    options.output_folder = folder_.Path(folder);
    options.tuning.min_poll = absl::Milliseconds(20);
    options.tuning.max_poll = absl::Milliseconds(50);
    options.tuning.start_patience = absl::Milliseconds(500);
    return options;
  }

  TestContent Content(const std::string& name, const std::string& bytes) {
    return Publish(folder_.Write("in/" + name, bytes));
  }

  // Takes events until all downloads have ended; all of them, in order.
  std::vector<Downloads::Event> Finish(Downloads& downloads) {
    std::vector<Downloads::Event> all;
    while (!downloads.all_finished()) {
      {
        MutexLock lock(&mutex_);
        while (!woken_) changed_.Wait(&mutex_);
        woken_ = false;
      }
      for (Downloads::Event& event : downloads.TakeEvents()) all.push_back(std::move(event));
    }
    return all;
  }
  template <typename Event>
  static size_t PlaceOf(const std::vector<Downloads::Event>& events, DownloadKey download) {
    for (size_t i = 0; i < events.size(); ++i) {
      if (events[i].download == download && std::holds_alternative<Event>(events[i].event)) return i;
    }
    return events.size();
  }

  TestFolder folder_;
  TestTracker tracker_;
  Mutex mutex_;
  CondVar changed_;
  bool woken_ ABSL_GUARDED_BY(mutex_) = false;
};

TEST_F(DownloadsTest, BringsSeveralContentsAndTellsOfEachInOrder) {
  const std::string one_bytes = RandomBytes(30 * kChunk + 1, 1);
  const std::string other_bytes = RandomBytes(20 * kChunk, 2);
  const TestContent one = Content("one", one_bytes);
  const TestContent other = Content("other", other_bytes);
  TestPeer one_peer(one.manifest->id(), one.source);
  TestPeer other_peer(other.manifest->id(), other.source);
  tracker_.Add(*one.manifest, {one_peer.info()});
  tracker_.Add(*other.manifest, {other_peer.info()});
  const auto downloads = Start();
  EXPECT_TRUE(downloads->all_finished());
  const DownloadKey first = downloads->Add("first word", Options(one));
  const DownloadKey second = downloads->Add("second word", Options(other));
  EXPECT_NE(first, second);
  EXPECT_THAT(downloads->List(), ElementsAre(first, second));
  EXPECT_FALSE(downloads->all_finished());
  EXPECT_EQ(downloads->record(first).label(), "first word");

  const std::vector<Downloads::Event> events = Finish(*downloads);
  for (const DownloadKey each : {first, second}) {
    EXPECT_LT(PlaceOf<PeerConnected>(events, each), PlaceOf<DownloadStarted>(events, each));
    EXPECT_LT(PlaceOf<DownloadStarted>(events, each), PlaceOf<DownloadFinished>(events, each));
    EXPECT_LT(PlaceOf<DownloadFinished>(events, each), events.size());
    EXPECT_EQ(downloads->record(each).outcome(), absl::OkStatus());
    EXPECT_EQ(downloads->status(each).phase, DownloadStatus::Phase::kDone);
  }
  EXPECT_EQ(downloads->record(second).argument(), "second word");
  EXPECT_EQ(downloads->record(second).label(), "other");
  EXPECT_TRUE(ReadAll(folder_.Path("out/one")) == one_bytes);
  EXPECT_TRUE(ReadAll(folder_.Path("out/other")) == other_bytes);
}

TEST_F(DownloadsTest, PausesAndResumes) {
  const std::string bytes = RandomBytes(40 * kChunk, 3);
  const TestContent content = Content("file", bytes);
  tracker_.Add(*content.manifest, {});
  const auto downloads = Start();
  const DownloadKey key = downloads->Add("file", Options(content));
  downloads->Pause(key);
  std::vector<Downloads::Event> before;
  while (PlaceOf<PausedChanged>(before, key) == before.size()) before = downloads->TakeEvents();
  TestPeer peer(content.manifest->id(), content.source);
  tracker_.Add(*content.manifest, {peer.info()});
  downloads->Resume(key);
  const std::vector<Downloads::Event> events = Finish(*downloads);
  EXPECT_EQ(downloads->record(key).outcome(), absl::OkStatus());
  EXPECT_LT(PlaceOf<PausedChanged>(events, key), PlaceOf<DownloadFinished>(events, key));
}

TEST_F(DownloadsTest, RemovesADownloadMidWayAndKeepsTheOthers) {
  const TestContent stuck = Content("stuck", RandomBytes(100 * kChunk, 4));
  const std::string bytes = RandomBytes(20 * kChunk, 5);
  const TestContent good = Content("good", bytes);
  auto frozen = std::make_shared<TestSource>(stuck.source);
  frozen->FreezeAfter(30);
  TestPeer stuck_peer(stuck.manifest->id(), frozen);
  TestPeer good_peer(good.manifest->id(), good.source);
  tracker_.Add(*stuck.manifest, {stuck_peer.info()});
  tracker_.Add(*good.manifest, {good_peer.info()});
  const auto downloads = Start();
  const DownloadKey removed = downloads->Add("stuck", Options(stuck));
  const DownloadKey kept = downloads->Add("good", Options(good));
  while (downloads->status(removed).chunks_held == 0) downloads->TakeEvents();
  downloads->Remove(removed);
  EXPECT_THAT(downloads->List(), ElementsAre(kept));
  const std::vector<Downloads::Event> events =
      downloads->all_finished() ? downloads->TakeEvents() : Finish(*downloads);
  EXPECT_EQ(PlaceOf<DownloadFinished>(events, removed), events.size());
  EXPECT_EQ(downloads->record(kept).outcome(), absl::OkStatus());
  EXPECT_TRUE(ReadAll(folder_.Path("out/good")) == bytes);
  // What it had is on disk for a later one.
  frozen->Release();
  const DownloadKey again = downloads->Add("stuck", Options(stuck));
  Finish(*downloads);
  EXPECT_EQ(downloads->record(again).outcome(), absl::OkStatus());
  EXPECT_GT(downloads->status(again).resumed_bytes, 0u);
}

TEST_F(DownloadsTest, ServesWhatADownloadHoldsFromItsStartOn) {
  const std::string bytes = RandomBytes(60 * kChunk, 6);
  const TestContent content = Content("file", bytes);
  TestPeer seeder(content.manifest->id(), content.source);
  tracker_.Add(*content.manifest, {seeder.info()});
  const auto downloads = Start(/*serving=*/true);
  ASSERT_NE(downloads->serving(), nullptr);
  const DownloadKey key = downloads->Add("file", Options(content));
  EXPECT_EQ(downloads->serving()->totals().contents, 0u);
  Finish(*downloads);
  EXPECT_EQ(downloads->serving()->totals().contents, 1u);
  downloads->Release(key);
  EXPECT_THAT(downloads->List(), IsEmpty());
  EXPECT_EQ(downloads->serving()->totals().contents, 1u);

  // Another process fetches all of it from this one alone.
  tracking::PeerInfo here = seeder.info();
  seeder.Stop();
  TestTracker of_other;
  here.id = RandomPeerId();
  here.endpoint = {IpAddress::V4({127, 0, 0, 1}), downloads->serving()->port()};
  of_other.Add(*content.manifest, {here});
  Downloads::Options options;
  options.runtime.self = RandomPeerId();
  options.runtime.make_tracker_client = [&](const tracking::TrackerUrl& url) {
    return of_other.MakeClient(url);
  };
  const auto other = *Downloads::Start(std::move(options));
  EXPECT_EQ(other->serving(), nullptr);
  const DownloadKey fetched = other->Add("file", Options(content, "other"));
  while (!other->all_finished()) other->TakeEvents();
  EXPECT_EQ(other->record(fetched).outcome(), absl::OkStatus());
  EXPECT_TRUE(ReadAll(folder_.Path("other/file")) == bytes);
  EXPECT_EQ(downloads->serving()->totals().sent_bytes, bytes.size());
}

TEST_F(DownloadsTest, WithdrawsWhatIsRemoved) {
  const TestContent content = Content("file", RandomBytes(10 * kChunk, 7));
  TestPeer seeder(content.manifest->id(), content.source);
  tracker_.Add(*content.manifest, {seeder.info()});
  const auto downloads = Start(/*serving=*/true);
  const DownloadKey key = downloads->Add("file", Options(content));
  Finish(*downloads);
  downloads->Remove(key);
  EXPECT_EQ(downloads->serving()->totals().contents, 0u);
}

TEST_F(DownloadsTest, GivesUpAWaitThatLastsTooLong) {
  const TestContent content = Content("file", RandomBytes(10 * kChunk, 8));
  tracker_.Add(*content.manifest, {});
  const auto downloads = Start();
  DownloadOptions options = Options(content);
  options.tuning.waiting_after = absl::Milliseconds(20);
  const DownloadKey key = downloads->Add("file", std::move(options));
  while (downloads->status(key).waiting_because.empty()) downloads->TakeEvents();
  downloads->GiveUpAfter(key, absl::Minutes(1), absl::Hours(1));
  EXPECT_FALSE(downloads->all_finished());
  downloads->GiveUpAfter(key, absl::Minutes(1), absl::Hours(1) + absl::Minutes(1));
  Finish(*downloads);
  EXPECT_EQ(downloads->record(key).outcome().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(downloads->record(key).outcome().message()), testing::HasSubstr("no byte for"));
}

TEST_F(DownloadsTest, LimitsHoldForAllOfThem) {
  const auto downloads = Start();
  downloads->SetRateLimits(1000, 2000);
  EXPECT_EQ(downloads->limits().down->bytes_per_second(), 1000u);
  EXPECT_EQ(downloads->limits().up->bytes_per_second(), 2000u);
}

TEST_F(DownloadsTest, AnAddressThatIsTakenIsAnError) {
  const auto downloads = Start(/*serving=*/true);
  Downloads::Options options;
  options.runtime.make_tracker_client = [this](const tracking::TrackerUrl& url) {
    return tracker_.MakeClient(url);
  };
  options.serving =
      Downloads::Serving{{IpAddress::V4({127, 0, 0, 1}), downloads->serving()->port()}, {}, {}, {}};
  EXPECT_EQ(Downloads::Start(std::move(options)).status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace shoal::leecher
