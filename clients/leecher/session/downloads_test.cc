#include "clients/leecher/session/downloads.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
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
  std::unique_ptr<Downloads> Start(bool serving = false) { return StartAt(tracker_, serving); }
  std::unique_ptr<Downloads> StartAt(TestTracker& tracker, bool serving = false) {
    Downloads::Options options;
    options.runtime.limits = {std::make_shared<net::RateLimit>(net::RateLimit::kUnlimited),
                              std::make_shared<net::RateLimit>(net::RateLimit::kUnlimited)};
    options.runtime.make_tracker_client = [&tracker](const tracking::TrackerUrl& url) {
      return tracker.MakeClient(url);
    };
    options.wake = [this] {
      MutexLock lock(&mutex_);
      woken_ = true;
      changed_.NotifyAll();
    };
    if (serving)
      options.serving = Downloads::Serving{
          .listen = *Endpoint::Parse("127.0.0.1:0"),
          .advertise = {},
          .on_tracker = {},
          .on_rejected = {},
          .on_broken = [this](const tracking::ContentSummary& content, const absl::Status& why) {
            MutexLock lock(&mutex_);
            broken_.emplace_back(content.name, why);
            woken_ = true;
            changed_.NotifyAll();
          }};
    return *Downloads::Start(std::move(options));
  }

  DownloadOptions Options(const TestContent& content, const std::string& folder = "out") {
    DownloadOptions options;
    options.content = content.manifest->id();
    options.trackers = {*tracking::TrackerUrl::Parse("127.0.0.1:1")};
    options.output_folder = folder_.Path(folder);
    options.tuning.min_poll = absl::Milliseconds(20);
    options.tuning.max_poll = absl::Milliseconds(50);
    options.wait_for_content = absl::Milliseconds(500);
    return options;
  }

  // A download that says soon that it waits.
  DownloadOptions Impatient(const TestContent& content) {
    DownloadOptions options = Options(content);
    options.tuning.waiting_after = absl::Milliseconds(20);
    return options;
  }
  // Blocks until each of the downloads has received nothing for a while.
  void AwaitStall(Downloads& downloads, std::vector<DownloadKey> keys) {
    while (!keys.empty()) {
      AwaitEvent();
      for (const Downloads::Event& event : downloads.TakeEvents()) {
        ASSERT_FALSE(std::holds_alternative<DownloadFinished>(event.event));
        const auto* waiting = std::get_if<Waiting>(&event.event);
        if (waiting != nullptr && !waiting->because.empty()) std::erase(keys, event.download);
      }
    }
  }

  TestContent Content(const std::string& name, const std::string& bytes) {
    return Publish(folder_.Write("in/" + name, bytes));
  }

  // Blocks until an event occurred since the last call.
  void AwaitEvent() {
    MutexLock lock(&mutex_);
    while (!woken_) changed_.Wait(&mutex_);
    woken_ = false;
  }
  // Takes events until all downloads have ended; all of them, in order.
  std::vector<Downloads::Event> Finish(Downloads& downloads) {
    std::vector<Downloads::Event> all;
    while (!downloads.all_finished()) {
      AwaitEvent();
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
  std::vector<std::pair<std::string, absl::Status>> broken_ ABSL_GUARDED_BY(mutex_);  // by name
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
  EXPECT_EQ(downloads->record(first)->label(), "first word");

  const std::vector<Downloads::Event> events = Finish(*downloads);
  for (const DownloadKey each : {first, second}) {
    EXPECT_LT(PlaceOf<PeerConnected>(events, each), PlaceOf<DownloadStarted>(events, each));
    EXPECT_LT(PlaceOf<DownloadStarted>(events, each), PlaceOf<DownloadFinished>(events, each));
    EXPECT_LT(PlaceOf<DownloadFinished>(events, each), events.size());
    EXPECT_EQ(downloads->record(each)->outcome(), absl::OkStatus());
    EXPECT_EQ(downloads->status(each)->phase, DownloadStatus::Phase::kDone);
  }
  EXPECT_EQ(downloads->record(second)->argument(), "second word");
  EXPECT_EQ(downloads->record(second)->label(), "other");
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
  EXPECT_EQ(downloads->record(key)->outcome(), absl::OkStatus());
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
  while (downloads->status(removed)->chunks_held == 0) downloads->TakeEvents();
  downloads->Remove(removed);
  EXPECT_THAT(downloads->List(), ElementsAre(kept));
  const std::vector<Downloads::Event> events =
      downloads->all_finished() ? downloads->TakeEvents() : Finish(*downloads);
  EXPECT_EQ(PlaceOf<DownloadFinished>(events, removed), events.size());
  EXPECT_EQ(downloads->record(kept)->outcome(), absl::OkStatus());
  EXPECT_TRUE(ReadAll(folder_.Path("out/good")) == bytes);
  // What it had is on disk for a later one.
  frozen->Release();
  const DownloadKey again = downloads->Add("stuck", Options(stuck));
  Finish(*downloads);
  EXPECT_EQ(downloads->record(again)->outcome(), absl::OkStatus());
  EXPECT_GT(downloads->status(again)->resumed_bytes, 0u);
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
  const auto other = StartAt(of_other);
  EXPECT_EQ(other->serving(), nullptr);
  const DownloadKey fetched = other->Add("file", Options(content, "other"));
  while (!other->all_finished()) other->TakeEvents();
  EXPECT_EQ(other->record(fetched)->outcome(), absl::OkStatus());
  EXPECT_TRUE(ReadAll(folder_.Path("other/file")) == bytes);
  EXPECT_EQ(downloads->serving()->totals().sent_bytes, bytes.size());
  EXPECT_EQ(downloads->figures().sent_bytes, bytes.size());
  EXPECT_EQ(downloads->figures().received_bytes, bytes.size());  // of the download that was released
  EXPECT_EQ(other->figures().received_bytes, bytes.size());
  EXPECT_TRUE(other->figures().ready);
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

TEST_F(DownloadsTest, ServesWhetherOrNotTheViewerTakesEvents) {
  const TestContent content = Content("file", RandomBytes(10 * kChunk, 11));
  TestPeer seeder(content.manifest->id(), content.source);
  tracker_.Add(*content.manifest, {seeder.info()});
  const auto downloads = Start(/*serving=*/true);
  downloads->Add("file", Options(content));
  while (downloads->serving()->totals().contents == 0) AwaitEvent();
}

TEST_F(DownloadsTest, AFinishedFileThatChangesIsNoLongerServed) {
  const TestContent content = Content("file", RandomBytes(20 * kChunk, 18));
  TestPeer seeder(content.manifest->id(), content.source);
  tracker_.Add(*content.manifest, {seeder.info()});
  const auto downloads = Start(/*serving=*/true);
  downloads->Add("file", Options(content));
  Finish(*downloads);
  std::filesystem::resize_file(folder_.Path("out/file"), 5 * kChunk);

  TestTracker of_other;
  tracking::PeerInfo here = seeder.info();
  here.id = RandomPeerId();
  here.endpoint = {IpAddress::V4({127, 0, 0, 1}), downloads->serving()->port()};
  of_other.Add(*content.manifest, {here});
  const auto other = StartAt(of_other);
  DownloadOptions options = Options(content, "other");
  options.wait = absl::ZeroDuration();
  const DownloadKey fetched = other->Add("file", std::move(options));
  while (!other->all_finished()) {
    AwaitEvent();
    other->TakeEvents();
  }
  EXPECT_EQ(other->record(fetched)->outcome().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(other->record(fetched)->outcome().message()),
              testing::HasSubstr("can't read the file any more"));
  EXPECT_EQ(downloads->serving()->totals().contents, 0u);
  MutexLock lock(&mutex_);
  ASSERT_EQ(broken_.size(), 1u);
  EXPECT_EQ(broken_[0].first, "file");
  EXPECT_FALSE(broken_[0].second.ok());
}

TEST_F(DownloadsTest, RemovingOneOfTwoOfAContentLeavesTheOtherServed) {
  const std::string bytes = RandomBytes(40 * kChunk, 9);
  const TestContent content = Content("file", bytes);
  TestPeer seeder(content.manifest->id(), content.source);
  tracker_.Add(*content.manifest, {seeder.info()});
  const auto downloads = Start(/*serving=*/true);
  const DownloadKey first = downloads->Add("file", Options(content, "one"));
  const DownloadKey second = downloads->Add("file", Options(content, "two"));
  Finish(*downloads);
  for (const auto& [key, left] : {std::pair{second, 1u}, std::pair{first, 0u}}) {
    EXPECT_TRUE(downloads->Remove(key));
    EXPECT_EQ(downloads->serving()->totals().contents, left);
    if (left == 0) break;
    // The other one still serves all of it.
    TestTracker of_other;
    tracking::PeerInfo here = seeder.info();
    here.id = RandomPeerId();
    here.endpoint = {IpAddress::V4({127, 0, 0, 1}), downloads->serving()->port()};
    of_other.Add(*content.manifest, {here});
    const auto other = StartAt(of_other);
    const DownloadKey fetched = other->Add("file", Options(content, "other"));
    while (!other->all_finished()) other->TakeEvents();
    EXPECT_EQ(other->record(fetched)->outcome(), absl::OkStatus());
    EXPECT_TRUE(ReadAll(folder_.Path("other/file")) == bytes);
  }
}

TEST_F(DownloadsTest, AReleasedContentIsServedWhenAnotherDownloadOfItIsRemoved) {
  const TestContent content = Content("file", RandomBytes(10 * kChunk, 12));
  TestPeer seeder(content.manifest->id(), content.source);
  tracker_.Add(*content.manifest, {seeder.info()});
  const auto downloads = Start(/*serving=*/true);
  const DownloadKey first = downloads->Add("file", Options(content, "one"));
  Finish(*downloads);
  EXPECT_TRUE(downloads->Release(first));
  const DownloadKey second = downloads->Add("file", Options(content, "two"));
  Finish(*downloads);
  EXPECT_TRUE(downloads->Remove(second));
  EXPECT_EQ(downloads->serving()->totals().contents, 1u);
}

TEST_F(DownloadsTest, AKeyThatWasRemovedFindsNothing) {
  const TestContent content = Content("file", RandomBytes(10 * kChunk, 10));
  tracker_.Add(*content.manifest, {});
  const auto downloads = Start();
  const DownloadKey key = downloads->Add("file", Options(content));
  EXPECT_NE(downloads->record(key), nullptr);
  EXPECT_TRUE(downloads->status(key).has_value());
  EXPECT_TRUE(downloads->Remove(key));

  EXPECT_EQ(downloads->record(key), nullptr);
  EXPECT_FALSE(downloads->status(key).has_value());
  EXPECT_FALSE(downloads->Pause(key));
  EXPECT_FALSE(downloads->Resume(key));
  EXPECT_FALSE(downloads->SetFilePriority(key, "*", FilePriority::kHigh));
  EXPECT_FALSE(downloads->Stop(key));
  EXPECT_FALSE(downloads->Release(key));
  EXPECT_FALSE(downloads->Remove(key));
  EXPECT_THAT(downloads->TakeEvents(), IsEmpty());
}

TEST_F(DownloadsTest, EventsCarryTheStatusOfTheirTime) {
  const TestContent content = Content("file", RandomBytes(50 * kChunk, 13));
  TestPeer seeder(content.manifest->id(), content.source);
  tracker_.Add(*content.manifest, {seeder.info()});
  const auto downloads = Start();
  downloads->Add("file", Options(content));
  // All are taken at the end, when the download has moved on.
  std::vector<Downloads::Event> events;
  while (events.empty() || !std::holds_alternative<DownloadFinished>(events.back().event)) {
    AwaitEvent();
    if (downloads->status(downloads->List().front())->phase != DownloadStatus::Phase::kDone) continue;
    for (Downloads::Event& event : downloads->TakeEvents()) events.push_back(std::move(event));
  }
  const DownloadKey key = downloads->List().front();
  const DownloadStatus& connected = events[PlaceOf<PeerConnected>(events, key)].status;
  EXPECT_EQ(connected.connected_peers, 1u);
  EXPECT_EQ(connected.files, 0u);  // the manifest is not known yet
  const DownloadStatus& started = events[PlaceOf<DownloadStarted>(events, key)].status;
  EXPECT_EQ(started.phase, DownloadStatus::Phase::kFetching);
  EXPECT_EQ(started.files, 1u);
  EXPECT_EQ(started.chunks_held, 0u);
  const DownloadStatus& finished = events.back().status;
  EXPECT_EQ(finished.phase, DownloadStatus::Phase::kDone);
  EXPECT_EQ(finished.chunks_held, 50u);
}

TEST_F(DownloadsTest, AWaitThatLastsTooLongIsItsOutcome) {
  const TestContent content = Content("file", RandomBytes(10 * kChunk, 8));
  tracker_.Add(*content.manifest, {});
  const auto downloads = Start();
  DownloadOptions options = Impatient(content);
  options.wait = absl::Milliseconds(50);
  const DownloadKey key = downloads->Add("file", std::move(options));
  Finish(*downloads);
  EXPECT_EQ(downloads->record(key)->outcome().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(downloads->record(key)->outcome().message()), testing::HasSubstr("no byte for"));
}

TEST_F(DownloadsTest, ALimitHoldsForAllDownloads) {
  const TestContent one = Content("one", RandomBytes(30 * kChunk, 14));
  const TestContent other = Content("other", RandomBytes(20 * kChunk, 15));
  TestPeer one_peer(one.manifest->id(), one.source);
  TestPeer other_peer(other.manifest->id(), other.source);
  tracker_.Add(*one.manifest, {one_peer.info()});
  tracker_.Add(*other.manifest, {other_peer.info()});
  const auto downloads = Start();
  downloads->SetRateLimits(0, net::RateLimit::kUnlimited);
  const std::vector<DownloadKey> keys = {downloads->Add("one", Impatient(one)),
                                         downloads->Add("other", Impatient(other))};
  AwaitStall(*downloads, keys);
  for (const DownloadKey key : keys) {
    EXPECT_EQ(downloads->status(key)->limit_down_bytes_per_second, 0u);
    EXPECT_LT(downloads->status(key)->received_bytes, uint64_t{kChunk});
  }
  downloads->SetRateLimits(net::RateLimit::kUnlimited, net::RateLimit::kUnlimited);
  Finish(*downloads);
  for (const DownloadKey key : keys) EXPECT_EQ(downloads->record(key)->outcome(), absl::OkStatus());
}

TEST_F(DownloadsTest, ALimitHoldsForAllThatIsServed) {
  const TestContent one = Content("one", RandomBytes(30 * kChunk, 16));
  const TestContent other = Content("other", RandomBytes(20 * kChunk, 17));
  const auto serving = Start(/*serving=*/true);
  serving->SetRateLimits(net::RateLimit::kUnlimited, 0);
  tracking::PeerInfo here;
  here.id = RandomPeerId();
  here.endpoint = {IpAddress::V4({127, 0, 0, 1}), serving->serving()->port()};
  here.complete = true;
  for (const TestContent* content : {&one, &other}) {
    serving->serving()->Serve(content->source, {});
    tracker_.Add(*content->manifest, {here});
  }
  const auto downloads = Start();
  const std::vector<DownloadKey> keys = {downloads->Add("one", Impatient(one)),
                                         downloads->Add("other", Impatient(other))};
  AwaitStall(*downloads, keys);
  for (const DownloadKey key : keys) {
    EXPECT_LT(downloads->status(key)->received_bytes, uint64_t{kChunk});
  }
  serving->SetRateLimits(net::RateLimit::kUnlimited, net::RateLimit::kUnlimited);
  Finish(*downloads);
  for (const DownloadKey key : keys) EXPECT_EQ(downloads->record(key)->outcome(), absl::OkStatus());
}

TEST_F(DownloadsTest, AnAddressThatIsTakenIsAnError) {
  const auto downloads = Start(/*serving=*/true);
  Downloads::Options options;
  options.runtime.make_tracker_client = [this](const tracking::TrackerUrl& url) {
    return tracker_.MakeClient(url);
  };
  options.serving =
      Downloads::Serving{{IpAddress::V4({127, 0, 0, 1}), downloads->serving()->port()}, {}, {}, {}, {}};
  EXPECT_EQ(Downloads::Start(std::move(options)).status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace shoal::leecher
