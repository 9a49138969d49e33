// Readers and viewers of a real download.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <algorithm>
#include <filesystem>
#include <numeric>

#include "clients/leecher/download/download.h"
#include "clients/leecher/download/download_runtime.h"
#include "clients/leecher/download/test_swarm.h"

namespace shoal::leecher {
namespace {

using testing::Each;
using testing::SizeIs;

constexpr uint32_t kChunk = kMinChunkSizeBytes;
constexpr absl::Duration kPatience = absl::Minutes(1);

// Records in which order chunks are sent.
class OrderedSource final : public TestSource {
 public:
  using TestSource::TestSource;

  absl::StatusOr<FileRegion> Open(ChunkIndex index) const override {
    {
      MutexLock lock(&mutex_);
      order_.push_back(index.value());
    }
    return TestSource::Open(index);
  }
  std::vector<uint32_t> order() const {
    MutexLock lock(&mutex_);
    return order_;
  }

 private:
  mutable Mutex mutex_;
  mutable std::vector<uint32_t> order_ ABSL_GUARDED_BY(mutex_);
};

// Counts how often a reader is woken.
class Wakes {
 public:
  std::function<void()> Wake() {
    return [state = state_] {
      MutexLock lock(&state->mutex);
      ++state->count;
      state->changed.NotifyAll();
    };
  }
  // Blocks until `condition` holds, which is looked at after each wake.
  void WaitUntil(const std::function<bool()>& condition) {
    while (true) {
      MutexLock lock(&state_->mutex);
      const int seen = state_->count;
      if (condition()) return;
      while (state_->count == seen) state_->changed.Wait(&state_->mutex);
    }
  }

 private:
  struct State {
    Mutex mutex;
    CondVar changed;
    int count ABSL_GUARDED_BY(mutex) = 0;
  };
  const std::shared_ptr<State> state_ = std::make_shared<State>();
};

// A folder with files a and b of 200 chunks each, served by one peer.
class DownloadReadingTest : public testing::Test {
 protected:
  DownloadReadingTest() {
    folder_.Write("in/tree/a", a_);
    folder_.Write("in/tree/b", b_);
    content_ = Publish(folder_.Path("in/tree"));
    source_ = std::make_shared<OrderedSource>(content_.source);
    peer_ = std::make_unique<TestPeer>(content_.manifest->id(), source_);
    tracker_.Add(*content_.manifest, {peer_->info()});
  }
  ~DownloadReadingTest() override { source_->Release(); }

  DownloadOptions Options() {
    DownloadOptions options;
    options.content = content_.manifest->id();
    options.manifest = content_.manifest;
    options.trackers = {*tracking::TrackerUrl::Parse("127.0.0.1:1")};
    options.output_folder = folder_.Path("out");
    options.on_gained = [this](const ContentId&, const std::vector<ChunkIndex>& gained) {
      log_.CountGained(gained.size());
    };
    return options;
  }
  DownloadRuntime::Options RuntimeOptions() {
    DownloadRuntime::Options options;
    options.make_tracker_client = [this](const tracking::TrackerUrl& url) {
      return tracker_.MakeClient(url);
    };
    return options;
  }
  // The download's store is open, and it has dialled no peer.
  std::unique_ptr<Download> StartPaused(DownloadOptions options) {
    auto download = Download::Start(runtime_, std::move(options), log_.Observer());
    download->Pause();
    log_.WaitFor<DownloadStarted>();
    return download;
  }
  // Returns when the download has seen what was told to it before.
  static void Settle(Download& download) { EXPECT_TRUE(download.Details(kPatience).ok()); }

  TestFolder folder_;
  const std::string a_ = RandomBytes(200 * kChunk, 21);
  const std::string b_ = RandomBytes(200 * kChunk, 22);
  TestContent content_;
  std::shared_ptr<OrderedSource> source_;
  std::unique_ptr<TestPeer> peer_;
  TestTracker tracker_;
  EventLog log_;
  DownloadRuntime runtime_{RuntimeOptions()};
};

TEST_F(DownloadReadingTest, WhatIsReadComesFirst) {
  const auto download = StartPaused(Options());
  Wakes wakes;
  const auto reader = download->OpenReader({ChunkIndex(300), 100}, wakes.Wake());
  ASSERT_TRUE(reader.ok());
  Settle(*download);
  EXPECT_TRUE(source_->order().empty()) << "a paused download requests nothing";
  EXPECT_FALSE((*reader)->ended());
  download->Resume();
  for (uint32_t chunk = 300; chunk < 400; ++chunk) {
    (*reader)->Need({ChunkIndex(chunk), 400 - chunk});
    wakes.WaitUntil([&] { return download->source()->Holds(ChunkIndex(chunk)); });
  }
  EXPECT_EQ(download->Wait(), absl::OkStatus());
  std::vector<uint32_t> in_order(100);
  std::iota(in_order.begin(), in_order.end(), 300);
  std::vector<uint32_t> order = source_->order();
  ASSERT_THAT(order, SizeIs(400));
  order.resize(100);
  EXPECT_EQ(order, in_order);
  EXPECT_TRUE(ReadAll(folder_.Path("out/tree/a")) == a_);
  EXPECT_TRUE(ReadAll(folder_.Path("out/tree/b")) == b_);
}

TEST_F(DownloadReadingTest, AReaderOfWhatIsHeldIsWoken) {
  source_->FreezeAfter(100);
  const auto download = Download::Start(runtime_, Options(), log_.Observer());
  log_.WaitForGained(20);
  const auto held = download->source()->Held().Ranges();
  Wakes wakes;
  const auto reader = download->OpenReader({held.front().first, 1}, wakes.Wake());
  ASSERT_TRUE(reader.ok());
  wakes.WaitUntil([told = 0]() mutable { return told++ > 0; });
}

TEST_F(DownloadReadingTest, ASkippedFileIsFetchedAsFarAsItIsRead) {
  DownloadOptions options = Options();
  options.selection.exclude = {"b"};
  const auto download = StartPaused(options);
  Wakes wakes;
  auto reader = download->OpenReader({ChunkIndex(250), 3}, wakes.Wake());
  ASSERT_TRUE(reader.ok());
  Settle(*download);
  download->Resume();
  for (uint32_t chunk = 250; chunk < 253; ++chunk) {
    (*reader)->Need({ChunkIndex(chunk), 253 - chunk});
    wakes.WaitUntil([&] { return download->source()->Holds(ChunkIndex(chunk)); });
  }
  log_.WaitForGained(203);
  const absl::StatusOr<DownloadDetails> details = download->Details(kPatience);
  ASSERT_TRUE(details.ok());
  EXPECT_EQ(details->files[0].held_bytes, a_.size());
  EXPECT_EQ(details->files[1].held_bytes, 3 * kChunk);
  EXPECT_EQ(details->files[1].priority, FilePriority::kSkip);
  EXPECT_FALSE(log_.LastIsFinished()) << "it does not end before its reader";
  reader->reset();
  EXPECT_EQ(download->Wait(), absl::OkStatus());
  EXPECT_THAT(source_->order(), SizeIs(203));
  EXPECT_TRUE(ReadAll(folder_.Path("out/tree/a")) == a_);
  EXPECT_FALSE(std::filesystem::exists(folder_.Path("out/tree/b")));
}

TEST_F(DownloadReadingTest, ASkippedFileThatThereIsNoRoomForEndsItsReaderAlone) {
  folder_.Write("in/uneven/a", a_.substr(0, 20 * kChunk));
  folder_.Write("in/uneven/b", b_);
  const TestContent uneven = Publish(folder_.Path("in/uneven"));
  TestPeer peer(uneven.manifest->id(), uneven.source);
  tracker_.Add(*uneven.manifest, {peer.info()});
  DownloadOptions options = Options();
  options.manifest = uneven.manifest;
  options.selection.exclude = {"b"};
  const auto download = StartPaused(options);
  // No file of this process may be as large as the skipped one.
  signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small{100 * kChunk, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  Wakes wakes;
  const auto reader = download->OpenReader({ChunkIndex(30), 3}, wakes.Wake());
  const auto other = download->OpenReader({ChunkIndex(3), 3}, nullptr);
  ASSERT_TRUE(reader.ok() && other.ok());
  wakes.WaitUntil([&] { return (*reader)->ended(); });
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_FALSE((*other)->ended());
  EXPECT_THAT(log_.WaitFor<DownloadWarning>().text, testing::HasSubstr("skipped file"));
  download->Resume();
  EXPECT_EQ(download->Wait(), absl::OkStatus());
  EXPECT_TRUE(ReadAll(folder_.Path("out/uneven/a")) == a_.substr(0, 20 * kChunk));
}

TEST_F(DownloadReadingTest, AReaderEndsWithItsDownload) {
  auto download = StartPaused(Options());
  Wakes wakes;
  const auto reader = download->OpenReader({ChunkIndex(3), 100}, wakes.Wake());
  ASSERT_TRUE(reader.ok());
  Settle(*download);
  download->Stop();
  wakes.WaitUntil([&] { return (*reader)->ended(); });
  EXPECT_TRUE((*download->OpenReader({ChunkIndex(3), 100}, nullptr))->ended());
  download.reset();
  EXPECT_TRUE((*reader)->ended());
  (*reader)->Need({ChunkIndex(4), 99});
}

TEST_F(DownloadReadingTest, ARangeThatIsNotTheContentsIsIgnored) {
  const auto download = StartPaused(Options());
  const auto reader = download->OpenReader({ChunkIndex(399), 100}, nullptr);
  const auto other = download->OpenReader({ChunkIndex(4000), 1}, nullptr);
  ASSERT_TRUE(reader.ok() && other.ok());
  Settle(*download);
  download->Resume();
  EXPECT_EQ(download->Wait(), absl::OkStatus());
}

TEST_F(DownloadReadingTest, ShowsChunksFilesAndWhatPeersHold) {
  DownloadOptions options = Options();
  options.selection.priorities = {{"b", FilePriority::kLow}};
  source_->FreezeAfter(250);
  const auto download = Download::Start(runtime_, options, log_.Observer());
  // Those that were chosen before the source froze wait in one batch with the frozen one: 16 of them at most.
  log_.WaitForGained(230);
  download->Pause();
  log_.WaitFor<PausedChanged>();  // with a status of this time
  absl::StatusOr<DownloadDetails> details = download->Details(kPatience);
  ASSERT_TRUE(details.ok());
  EXPECT_EQ(details->chunks.chunk_count, 400u);
  EXPECT_EQ(details->chunks.chunks_per_cell, 1u);
  ASSERT_THAT(details->files, SizeIs(2));
  EXPECT_EQ(details->files[0].priority, FilePriority::kNormal);
  EXPECT_EQ(details->files[0].held_bytes, a_.size());
  EXPECT_EQ(details->files[1].priority, FilePriority::kLow);
  EXPECT_GE(details->files[1].held_bytes, 30 * kChunk);
  EXPECT_GE(std::count(details->chunks.held.begin(), details->chunks.held.end(), '\xff'), 230);
  EXPECT_THAT(details->chunks.availability, Each('\1'));
  ASSERT_THAT(details->chunks.sources, SizeIs(1));
  EXPECT_EQ(details->chunks.sources[0].peer, peer_->info().id);
  EXPECT_EQ(details->chunks.source[0], '\1');
  ASSERT_THAT(download->status().peers, SizeIs(1));
  EXPECT_EQ(download->status().peers[0].chunks_held, 400u);

  source_->Release();
  download->Resume();
  EXPECT_EQ(download->Wait(), absl::OkStatus());
  details = download->Details(kPatience);
  ASSERT_TRUE(details.ok());
  EXPECT_THAT(details->chunks.held, Each('\xff'));
  EXPECT_THAT(details->chunks.under_way, Each('\0'));
  EXPECT_THAT(details->chunks.source, Each('\1')) << "who brought it stays known";
  EXPECT_EQ(details->files[1].held_bytes, b_.size());
}

TEST_F(DownloadReadingTest, BeforeTheStoreIsOpenThereIsNothingToShow) {
  DownloadOptions options = Options();
  options.manifest = nullptr;
  options.content = std::string("not published");
  options.wait_for_content = absl::InfiniteDuration();
  const auto download = Download::Start(runtime_, options, log_.Observer());
  const absl::StatusOr<DownloadDetails> details = download->Details(kPatience);
  ASSERT_TRUE(details.ok());
  EXPECT_EQ(details->chunks.chunk_count, 0u);
  EXPECT_THAT(details->files, SizeIs(0));
}

}  // namespace
}  // namespace shoal::leecher
