#include "clients/leecher/download/download.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <set>
#include <utility>

#include "clients/leecher/download/download_runtime.h"
#include "clients/leecher/download/test_swarm.h"
#include "shoal/base/error_cause.h"
#include "shoal/base/file_io.h"
#include "shoal/content/store/chunk_store.h"
#include "shoal/tracking/tickets/ticket.h"

namespace shoal::leecher {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr uint32_t kChunk = kMinChunkSizeBytes;

class DownloadTest : public testing::Test {
 protected:
  // Times of a machine that is in a hurry: a frozen peer is given up soon, a tracker is asked often.
  DownloadOptions Options(tracking::ContentKey content) {
    DownloadOptions options;
    options.content = std::move(content);
    options.trackers = {*tracking::TrackerUrl::Parse("127.0.0.1:1")};
    options.output_folder = out_;
    options.on_gained = [this](const ContentId&, const std::vector<ChunkIndex>& gained) {
      log_.CountGained(gained.size());
    };
    options.on_bad_peer = [this](const ContentId& id, const PeerId& peer,
                                 tracking::PeerReport::Reason reason) { bad_peers_.Add(id, peer, reason); };
    options.tuning.min_poll = absl::Milliseconds(50);
    options.tuning.max_poll = absl::Milliseconds(200);
    options.wait_for_content = absl::Milliseconds(500);
    options.tuning.first_backoff = absl::Milliseconds(50);
    options.tuning.max_backoff = absl::Milliseconds(400);
    options.tuning.waiting_after = absl::Milliseconds(300);
    return options;
  }

  static DownloadRuntime::Options RuntimeAt(TestTracker& tracker) {
    DownloadRuntime::Options options;
    options.make_tracker_client = [&tracker](const tracking::TrackerUrl& url) {
      return tracker.MakeClient(url);
    };
    return options;
  }

  std::unique_ptr<Download> Start(DownloadOptions options, DownloadObserver observer) {
    return Download::Start(runtime_, std::move(options), std::move(observer));
  }

  // Fetches it and expects it to be `bytes` at the end.
  DownloadStatus Fetch(const TestContent& content, const std::string& bytes) {
    const auto download = Start(Options(content.manifest->id()), log_.Observer());
    EXPECT_EQ(download->Wait(), absl::OkStatus());
    EXPECT_TRUE(log_.LastIsFinished());
    EXPECT_TRUE(ReadAll(out_ + "/" + content.manifest->name()) == bytes);
    const DownloadStatus status = download->status();
    EXPECT_EQ(status.phase, DownloadStatus::Phase::kDone);
    EXPECT_EQ(status.held_bytes, bytes.size());
    EXPECT_EQ(status.chunks_held, content.manifest->chunk_count());
    return status;
  }

  static const DownloadStatus::Peer* Find(const DownloadStatus& status, const TestPeer& peer) {
    return Find(status, peer.info().id);
  }
  static const DownloadStatus::Peer* Find(const DownloadStatus& status, const PeerId& id) {
    for (const DownloadStatus::Peer& each : status.peers) {
      if (each.id == id) return &each;
    }
    return nullptr;
  }

  TestFolder folder_;
  const std::string out_ = folder_.Path("out");
  TestTracker tracker_;
  EventLog log_;
  BadPeerLog bad_peers_;
  DownloadRuntime runtime_{RuntimeAt(tracker_)};
};

TEST_F(DownloadTest, FetchesFromThreeSeedersInShares) {
  const std::string bytes = RandomBytes(900 * kChunk + 77, 1);
  const TestContent content = Publish(folder_.Write("in/three.bin", bytes));
  TestPeer a(content.manifest->id(), content.source);
  TestPeer b(content.manifest->id(), content.source);
  TestPeer c(content.manifest->id(), content.source);
  tracker_.Add(*content.manifest, {a.info(), b.info(), c.info()});

  const DownloadStatus status = Fetch(content, bytes);
  ASSERT_THAT(status.peers, SizeIs(3));
  uint32_t chunks = 0;
  for (const DownloadStatus::Peer& peer : status.peers) {
    EXPECT_GT(peer.chunks, 0u);
    EXPECT_EQ(peer.failures, 0u);
    chunks += peer.chunks;
  }
  EXPECT_EQ(chunks, content.manifest->chunk_count());
  EXPECT_THAT(log_.All<PeerConnected>(), SizeIs(3));
  EXPECT_THAT(log_.All<PeerLost>(), IsEmpty());
  EXPECT_THAT(log_.All<ChunkRejected>(), IsEmpty());
  EXPECT_THAT(bad_peers_.All(), IsEmpty());
  const DownloadStarted started = log_.WaitFor<DownloadStarted>();
  EXPECT_EQ(started.chunk_count, 901u);
  EXPECT_EQ(started.length_bytes, bytes.size());
}

TEST_F(DownloadTest, FetchesContentsOfEverySize) {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{kChunk - 1}, size_t{kChunk}, size_t{kChunk + 1}}) {
    SCOPED_TRACE(size);
    const std::string bytes = RandomBytes(size, 2);
    const TestContent content = Publish(folder_.Write("in/size" + std::to_string(size), bytes));
    TestPeer peer(content.manifest->id(), content.source);
    tracker_.Add(*content.manifest, {peer.info()});
    Fetch(content, bytes);
  }
}

TEST_F(DownloadTest, FetchesAFolder) {
  const std::string large = RandomBytes(5 * kChunk + 1, 3);
  folder_.Write("in/tree/a/large", large);
  folder_.Write("in/tree/b/one", "1");
  folder_.Write("in/tree/b/empty", "");
  folder_.Write("in/tree/ünïcödé", "text");
  const TestContent content = Publish(folder_.Path("in/tree"));
  TestPeer peer(content.manifest->id(), content.source);
  tracker_.Add(*content.manifest, {peer.info()});

  const auto download = Start(Options(std::string("tree")), log_.Observer());
  ASSERT_EQ(download->Wait(), absl::OkStatus());
  EXPECT_TRUE(ReadAll(out_ + "/tree/a/large") == large);
  EXPECT_EQ(ReadAll(out_ + "/tree/b/one"), "1");
  EXPECT_TRUE(std::filesystem::exists(out_ + "/tree/b/empty"));
  EXPECT_EQ(ReadAll(out_ + "/tree/ünïcödé"), "text");
}

TEST_F(DownloadTest, DropsALiarAndFetchesItsChunksElsewhere) {
  const std::string bytes = RandomBytes(200 * kChunk, 4);
  const TestContent content = Publish(folder_.Write("in/file", bytes));
  auto lying = std::make_shared<TestSource>(content.source);
  lying->LieWith(folder_.Write("in/other", RandomBytes(200 * kChunk, 5)));
  TestPeer liar(content.manifest->id(), lying);
  tracker_.Add(*content.manifest, {liar.info()});

  const auto download = Start(Options(content.manifest->id()), log_.Observer());
  const PeerLost lost = log_.WaitFor<PeerLost>([](const PeerLost& event) { return event.for_good; });
  EXPECT_EQ(lost.peer, liar.info().id);
  EXPECT_THAT(lost.why, HasSubstr("not the content's"));
  TestPeer good(content.manifest->id(), content.source);
  tracker_.Add(*content.manifest, {good.info()});

  ASSERT_EQ(download->Wait(), absl::OkStatus());
  EXPECT_TRUE(ReadAll(out_ + "/file") == bytes);
  EXPECT_EQ(log_.WaitFor<ChunkRejected>().peer, liar.info().id);
  const DownloadStatus status = download->status();
  EXPECT_EQ(Find(status, good)->chunks, 200u);
  ASSERT_NE(Find(status, liar), nullptr);
  EXPECT_EQ(Find(status, liar)->chunks, 0u);
  EXPECT_THAT(Find(status, liar)->dropped_because, HasSubstr("not the content's"));
  EXPECT_GT(status.chunks_refetched, 0u);
  EXPECT_THAT(log_.All<PeerConnected>(), SizeIs(2)) << "the liar is not called again";
  EXPECT_THAT(bad_peers_.All(), ElementsAre(BadPeerLog::Entry{content.manifest->id(), liar.info().id,
                                                              tracking::PeerReport::Reason::kLying}));
}

TEST_F(DownloadTest, ThreeForgersOfTenPeersSpoilAtMostOneChunkEach) {
  const std::string bytes = RandomBytes(400 * kChunk, 61);
  const TestContent content = Publish(folder_.Write("in/file", bytes));
  const std::string forged = folder_.Write("in/other", RandomBytes(400 * kChunk, 62));
  std::vector<std::unique_ptr<TestPeer>> peers;
  std::vector<tracking::PeerInfo> infos;
  std::set<PeerId> forgers;
  for (int i = 0; i < 10; ++i) {
    auto source = std::make_shared<TestSource>(content.source);
    if (i < 3) source->LieWith(forged);
    peers.push_back(std::make_unique<TestPeer>(content.manifest->id(), source));
    infos.push_back(peers.back()->info());
    if (i < 3) forgers.insert(infos.back().id);
  }
  tracker_.Add(*content.manifest, infos);
  const auto download = Start(Options(content.manifest->id()), log_.Observer());
  ASSERT_EQ(download->Wait(), absl::OkStatus());
  EXPECT_TRUE(ReadAll(out_ + "/file") == bytes);
  std::set<PeerId> rejected;
  for (const ChunkRejected& event : log_.All<ChunkRejected>()) {
    EXPECT_TRUE(forgers.contains(event.peer));
    EXPECT_TRUE(rejected.insert(event.peer).second) << "a second chunk of one forger";
  }
  EXPECT_FALSE(rejected.empty());
}

TEST_F(DownloadTest, MovesAFrozenPeersChunksToOthers) {
  const std::string bytes = RandomBytes(100 * kChunk, 6);
  const TestContent content = Publish(folder_.Write("in/file", bytes));
  auto freezing = std::make_shared<TestSource>(content.source);
  freezing->FreezeAfter(5);
  TestPeer frozen(content.manifest->id(), freezing);
  tracker_.Add(*content.manifest, {frozen.info()});

  DownloadOptions options = Options(content.manifest->id());
  options.tuning.first_silence = absl::Milliseconds(300);
  options.tuning.min_silence = absl::Milliseconds(300);
  const auto download = Start(options, log_.Observer());
  freezing->WaitUntilFrozen();
  TestPeer good(content.manifest->id(), content.source);
  tracker_.Add(*content.manifest, {good.info()});

  EXPECT_EQ(download->Wait(), absl::OkStatus());
  EXPECT_TRUE(ReadAll(out_ + "/file") == bytes);
  EXPECT_GE(Find(download->status(), good)->chunks, 95u);
  freezing->Release();
}

TEST_F(DownloadTest, ReportsWhyNothingIsReceived) {
  const TestContent content = Publish(folder_.Write("in/file", RandomBytes(10 * kChunk, 7)));
  auto freezing = std::make_shared<TestSource>(content.source);
  freezing->FreezeAfter(2);
  TestPeer frozen(content.manifest->id(), freezing);
  tracker_.Add(*content.manifest, {frozen.info()});

  const auto download = Start(Options(content.manifest->id()), log_.Observer());
  log_.WaitFor<Waiting>(
      [](const Waiting& event) { return event.because == "1 peer has been asked, and nothing comes"; });
  freezing->Release();
  EXPECT_EQ(download->Wait(), absl::OkStatus());
  EXPECT_EQ(log_.All<Waiting>().back().because, "");
}

TEST_F(DownloadTest, GoesOnWhenAPeerDies) {
  const std::string bytes = RandomBytes(300 * kChunk, 8);
  const TestContent content = Publish(folder_.Write("in/file", bytes));
  auto dying_source = std::make_shared<TestSource>(content.source);
  dying_source->FreezeAfter(20);
  TestPeer dying(content.manifest->id(), dying_source);
  tracker_.Add(*content.manifest, {dying.info()});

  const auto download = Start(Options(content.manifest->id()), log_.Observer());
  dying_source->WaitUntilFrozen();
  const PeerId dead = dying.info().id;
  dying_source->FailReading();
  dying_source->Release();
  dying.Stop();
  TestPeer good(content.manifest->id(), content.source);
  tracker_.Add(*content.manifest, {good.info()});

  EXPECT_EQ(download->Wait(), absl::OkStatus());
  EXPECT_TRUE(ReadAll(out_ + "/file") == bytes);
  EXPECT_EQ(log_.WaitFor<PeerLost>().peer, dead);
  EXPECT_GE(Find(download->status(), good)->chunks, 280u);
  EXPECT_EQ(log_.WaitFor<ChunksMoved>().from, dead);
}

TEST_F(DownloadTest, ReportsAPeerThatIsNotThere) {
  const std::string bytes = RandomBytes(20 * kChunk, 20);
  const TestContent content = Publish(folder_.Write("in/file", bytes));
  TestPeer gone(content.manifest->id(), content.source);
  const tracking::PeerInfo absent = gone.info();
  gone.Stop();
  tracker_.Add(*content.manifest, {absent});

  const auto download = Start(Options(content.manifest->id()), log_.Observer());
  bad_peers_.WaitForOne();
  TestPeer good(content.manifest->id(), content.source);
  tracker_.Add(*content.manifest, {good.info()});
  EXPECT_EQ(download->Wait(), absl::OkStatus());
  EXPECT_THAT(bad_peers_.All(), ElementsAre(BadPeerLog::Entry{content.manifest->id(), absent.id,
                                                              tracking::PeerReport::Reason::kDead}));
}

TEST_F(DownloadTest, UsesAPeerThatHoldsSomeAndOneThatJoinsLate) {
  const std::string bytes = RandomBytes(64 * kChunk, 9);
  const TestContent content = Publish(folder_.Write("in/file", bytes));
  auto half = std::make_shared<TestSource>(content.source);
  ChunkSet held(64);
  for (uint32_t i = 0; i < 64; i += 2) held.Insert(ChunkIndex(i));
  half->HoldOnly(held);
  TestPeer some(content.manifest->id(), half);
  tracker_.Add(*content.manifest, {some.info()});

  const auto download = Start(Options(content.manifest->id()), log_.Observer());
  log_.WaitForGained(32);
  EXPECT_THAT(log_.WaitFor<Waiting>().because, HasSubstr("has a chunk that is missing here"));
  TestPeer late(content.manifest->id(), content.source);
  tracker_.Add(*content.manifest, {late.info()});

  EXPECT_EQ(download->Wait(), absl::OkStatus());
  EXPECT_TRUE(ReadAll(out_ + "/file") == bytes);
  EXPECT_EQ(Find(download->status(), some)->chunks, 32u);
  EXPECT_EQ(Find(download->status(), late)->chunks, 32u);
}

TEST_F(DownloadTest, FetchesFromALeecherAsItGains) {
  const std::string bytes = RandomBytes(80 * kChunk, 10);
  const TestContent content = Publish(folder_.Write("in/file", bytes));
  auto slow = std::make_shared<TestSource>(content.source);
  slow->FreezeAfter(30);
  TestPeer seeder(content.manifest->id(), slow);
  tracker_.Add(*content.manifest, {seeder.info()});

  std::unique_ptr<TestPeer> reseeding;
  Mutex mutex;
  stream::ChunkServer* server = nullptr;
  DownloadOptions first_options = Options(content.manifest->id());
  first_options.on_gained = [&](const ContentId& id, const std::vector<ChunkIndex>& gained) {
    log_.CountGained(gained.size());
    MutexLock lock(&mutex);
    if (server != nullptr) server->Announce(id, gained);
  };
  const auto first = Start(first_options, log_.Observer());
  log_.WaitForGained(1);
  reseeding = std::make_unique<TestPeer>(content.manifest->id(), first->source());
  {
    MutexLock lock(&mutex);
    server = &reseeding->server();
  }

  TestTracker of_second;
  of_second.Add(*content.manifest, {reseeding->info()});
  EventLog second_log;
  DownloadOptions second_options = Options(content.manifest->id());
  second_options.output_folder = folder_.Path("second");
  second_options.on_gained = nullptr;
  DownloadRuntime second_runtime(RuntimeAt(of_second));
  const auto second = Download::Start(second_runtime, second_options, second_log.Observer());
  second_log.WaitFor<PeerConnected>();
  slow->Release();

  EXPECT_EQ(first->Wait(), absl::OkStatus());
  EXPECT_EQ(second->Wait(), absl::OkStatus());
  EXPECT_TRUE(ReadAll(folder_.Path("second/file")) == bytes);
  MutexLock lock(&mutex);
  server = nullptr;
}

TEST_F(DownloadTest, GoesOnAfterAStop) {
  const std::string bytes = RandomBytes(100 * kChunk, 11);
  const TestContent content = Publish(folder_.Write("in/file", bytes));
  auto source = std::make_shared<TestSource>(content.source);
  source->FreezeAfter(40);
  TestPeer peer(content.manifest->id(), source);
  tracker_.Add(*content.manifest, {peer.info()});
  {
    const auto download = Start(Options(content.manifest->id()), log_.Observer());
    log_.WaitForGained(10);
    download->Stop();
    EXPECT_EQ(download->Wait().code(), absl::StatusCode::kCancelled);
    EXPECT_EQ(download->status().phase, DownloadStatus::Phase::kStopped);
    EXPECT_TRUE(log_.LastIsFinished());
  }
  EXPECT_FALSE(std::filesystem::exists(out_ + "/file"));
  source->Release();

  const DownloadStatus status = Fetch(content, bytes);
  EXPECT_GE(status.resumed_bytes, 10u * kChunk);
  ASSERT_NE(Find(status, peer), nullptr);
  EXPECT_EQ(Find(status, peer)->chunks * uint64_t{kChunk} + status.resumed_bytes, bytes.size());
}

TEST_F(DownloadTest, AWholeTargetNeedsNoPeer) {
  const std::string bytes = RandomBytes(3 * kChunk, 12);
  const TestContent content = Publish(folder_.Write("in/file", bytes));
  folder_.Write("out/file", bytes);
  tracker_.SetAway(true);
  DownloadOptions options = Options(content.manifest->id());
  options.manifest = content.manifest;
  const auto download = Start(options, log_.Observer());
  EXPECT_EQ(download->Wait(), absl::OkStatus());
  EXPECT_EQ(download->status().resumed_bytes, bytes.size());
}

TEST_F(DownloadTest, LeavesATargetWithOtherBytesAlone) {
  const TestContent content = Publish(folder_.Write("in/file", RandomBytes(3 * kChunk, 13)));
  folder_.Write("out/file", "mine");
  TestPeer peer(content.manifest->id(), content.source);
  tracker_.Add(*content.manifest, {peer.info()});
  const auto download = Start(Options(content.manifest->id()), log_.Observer());
  EXPECT_EQ(download->Wait().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(ReadAll(out_ + "/file"), "mine");
}

TEST_F(DownloadTest, RepairsATarget) {
  const std::string bytes = RandomBytes(10 * kChunk, 41);
  const TestContent content = Publish(folder_.Write("in/file", bytes));
  std::string damaged = bytes;
  damaged[6 * kChunk + 3] ^= 1;
  folder_.Write("out/file", damaged);
  TestPeer peer(content.manifest->id(), content.source);
  tracker_.Add(*content.manifest, {peer.info()});
  DownloadOptions options = Options(content.manifest->id());
  options.repair = true;
  const auto download = Start(options, log_.Observer());
  EXPECT_EQ(download->Wait(), absl::OkStatus());
  EXPECT_TRUE(ReadAll(out_ + "/file") == bytes);
  const DownloadStatus status = download->status();
  EXPECT_EQ(status.resumed_bytes, 9u * kChunk);
  ASSERT_NE(Find(status, peer), nullptr);
  EXPECT_EQ(Find(status, peer)->chunks, 1u);
}

TEST_F(DownloadTest, FetchesAgainWhatAnotherProgramDamaged) {
  const std::string bytes = RandomBytes(100 * kChunk, 42);
  const TestContent content = Publish(folder_.Write("in/file", bytes));
  // Nothing is written while the file is damaged.
  auto some = std::make_shared<TestSource>(content.source);
  ChunkSet first(100);
  for (uint32_t i = 0; i < 10; ++i) first.Insert(ChunkIndex(i));
  some->HoldOnly(first);
  TestPeer some_peer(content.manifest->id(), some);
  TestPeer peer(content.manifest->id(), content.source);
  tracker_.Add(*content.manifest, {some_peer.info()});
  const auto download = Start(Options(content.manifest->id()), log_.Observer());
  log_.WaitForGained(10);
  const ChunkIndex held(3);
  const std::string data = out_ + "/.file." + content.manifest->id().ShortHex() + ".shoal-tmp";
  // A change that the modification time shows for certain.
  const FileDescriptor file = *FileDescriptor::Open(data, O_WRONLY);
  ASSERT_TRUE(WriteAt(file.get(), AsBytes("damage"), uint64_t{held.value()} * kChunk).ok());
  const timespec long_ago[2] = {{1, 0}, {1, 0}};
  ASSERT_EQ(futimens(file.get(), long_ago), 0);
  tracker_.Add(*content.manifest, {peer.info()});
  EXPECT_EQ(download->Wait(), absl::OkStatus());
  EXPECT_TRUE(ReadAll(out_ + "/file") == bytes);
  EXPECT_EQ(download->status().held_bytes, bytes.size());
}

TEST_F(DownloadTest, FetchesAgainWhatWasDamagedAfterTheLastChunk) {
  const std::string bytes = RandomBytes(20 * kChunk, 43);
  const TestContent content = Publish(folder_.Write("in/file", bytes));
  TestPeer peer(content.manifest->id(), content.source);
  tracker_.Add(*content.manifest, {peer.info()});
  const std::string data = out_ + "/.file." + content.manifest->id().ShortHex() + ".shoal-tmp";
  DownloadOptions options = Options(content.manifest->id());
  // Called on the download's loop, so that the store is finished after the damage.
  std::atomic<bool> damaged{false};
  options.on_opened = [&](const std::shared_ptr<const ChunkSource>&, const auto&) {
    const FileDescriptor file = *FileDescriptor::Open(data, O_WRONLY);
    ASSERT_TRUE(WriteAt(file.get(), AsBytes("damage"), 0).ok());
    const timespec long_ago[2] = {{1, 0}, {1, 0}};
    ASSERT_EQ(futimens(file.get(), long_ago), 0);
    damaged = true;
  };
  // All chunks are there before it begins.
  {
    auto store = *ChunkStore::Open(content.manifest, {.output_folder = out_});
    for (uint32_t i = 0; i < content.manifest->chunk_count(); ++i) {
      ASSERT_TRUE(store->Put(ChunkIndex(i), AsBytes(bytes).subspan(i * kChunk, kChunk)).ok());
    }
  }
  const auto download = Start(options, log_.Observer());
  EXPECT_EQ(download->Wait(), absl::OkStatus());
  EXPECT_TRUE(damaged);
  EXPECT_TRUE(ReadAll(out_ + "/file") == bytes);
  ASSERT_THAT(log_.All<DownloadWarning>(), SizeIs(1));
  EXPECT_THAT(log_.All<DownloadWarning>()[0].text, HasSubstr("1 chunk is fetched again"));
  const DownloadStatus status = download->status();
  EXPECT_EQ(status.held_bytes, bytes.size());
  EXPECT_EQ(status.resumed_bytes, 19u * kChunk);
  ASSERT_NE(Find(status, peer), nullptr);
  EXPECT_EQ(Find(status, peer)->chunks, 1u);
}

TEST_F(DownloadTest, SaysThatTheOutputFolderIsGone) {
  const TestContent content = Publish(folder_.Write("in/file", RandomBytes(100 * kChunk, 44)));
  auto source = std::make_shared<TestSource>(content.source);
  source->FreezeAfter(40);
  TestPeer peer(content.manifest->id(), source);
  tracker_.Add(*content.manifest, {peer.info()});
  const auto download = Start(Options(content.manifest->id()), log_.Observer());
  log_.WaitForGained(10);
  std::filesystem::remove_all(out_);
  source->Release();
  const absl::Status outcome = download->Wait();
  EXPECT_EQ(outcome.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(CauseOf(outcome), ErrorCause::kTargetGone);
  EXPECT_THAT(std::string(outcome.message()), HasSubstr("was removed during the download"));
  EXPECT_FALSE(std::filesystem::exists(out_));
}

TEST_F(DownloadTest, NamesTheCandidatesOfAName) {
  const TestContent one = Publish(folder_.Write("in/1/file", "one"));
  const TestContent two = Publish(folder_.Write("in/2/file", "two"));
  tracker_.Add(*one.manifest, {});
  tracker_.Add(*two.manifest, {});
  const auto download = Start(Options(std::string("file")), log_.Observer());
  EXPECT_EQ(download->Wait().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(log_.WaitFor<DownloadFinished>().candidates, SizeIs(2));
}

TEST_F(DownloadTest, SaysThatNoTrackerKnowsIt) {
  const auto download = Start(Options(std::string("nothing")), log_.Observer());
  EXPECT_EQ(download->Wait().code(), absl::StatusCode::kNotFound);
}

TEST_F(DownloadTest, SaysThatNoTrackerResponds) {
  tracker_.SetAway(true);
  const auto download = Start(Options(std::string("file")), log_.Observer());
  EXPECT_EQ(download->Wait().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(log_.All<TrackerChanged>(), SizeIs(1)) << "told once, not per try";
  EXPECT_GT(tracker_.lookups(), 1u);
}

// Options that say how long to wait.
DownloadOptions WithWait(DownloadOptions options, absl::Duration wait = absl::InfiniteDuration()) {
  options.wait = wait;
  options.wait_for_content = wait;
  return options;
}

TEST_F(DownloadTest, WaitsForAContentThatIsNotPublishedYet) {
  const std::string bytes = RandomBytes(20 * kChunk, 30);
  const TestContent content = Publish(folder_.Write("in/file", bytes));
  const auto download = Start(WithWait(Options(std::string("file"))), log_.Observer());
  log_.AwaitReason("the tracker does not know it yet");
  TestPeer peer(content.manifest->id(), content.source);
  tracker_.Add(*content.manifest, {peer.info()});
  EXPECT_EQ(download->Wait(), absl::OkStatus());
  EXPECT_TRUE(ReadAll(out_ + "/file") == bytes);
}

TEST_F(DownloadTest, WaitsForATrackerThatIsNotUpYet) {
  const std::string bytes = RandomBytes(20 * kChunk, 31);
  const TestContent content = Publish(folder_.Write("in/file", bytes));
  TestPeer peer(content.manifest->id(), content.source);
  tracker_.Add(*content.manifest, {peer.info()});
  tracker_.SetAway(true);
  DownloadOptions options = WithWait(Options(std::string("file")));
  const auto download = Start(options, log_.Observer());
  log_.AwaitReason("the tracker does not answer");
  tracker_.SetAway(false);
  EXPECT_EQ(download->Wait(), absl::OkStatus());
}

TEST_F(DownloadTest, WaitsWithAManifestForATrackerThatIsNotUpYet) {
  const TestContent content = Publish(folder_.Write("in/file", RandomBytes(20 * kChunk, 32)));
  TestPeer peer(content.manifest->id(), content.source);
  tracker_.Add(*content.manifest, {peer.info()});
  tracker_.SetAway(true);
  DownloadOptions options = WithWait(Options(content.manifest->id()));
  options.manifest = content.manifest;
  const auto download = Start(options, log_.Observer());
  log_.AwaitReason("no peer has it at the moment; the tracker does not answer");
  tracker_.SetAway(false);
  EXPECT_EQ(download->Wait(), absl::OkStatus());
}

TEST_F(DownloadTest, AsksATrackerThatStartedAMomentAgoAgain) {
  const TestContent content = Publish(folder_.Write("in/file", RandomBytes(20 * kChunk, 33)));
  tracker_.SetWarmingUp(true);
  const auto download = Start(Options(std::string("file")), log_.Observer());
  log_.AwaitReason("the tracker started a moment ago and does not know it yet");
  TestPeer peer(content.manifest->id(), content.source);
  tracker_.Add(*content.manifest, {peer.info()});
  EXPECT_EQ(download->Wait(), absl::OkStatus());
}

TEST_F(DownloadTest, AContentIsUnknownWhenTheTrackerHasWarmedUp) {
  tracker_.SetWarmingUp(true);
  const auto download = Start(Options(std::string("file")), log_.Observer());
  log_.AwaitReason("the tracker started a moment ago and does not know it yet");
  tracker_.SetWarmingUp(false);
  EXPECT_EQ(download->Wait().code(), absl::StatusCode::kNotFound);
}

TEST_F(DownloadTest, TheWaitEnds) {
  const absl::Duration wait = absl::Milliseconds(400);
  {
    EventLog log;
    const auto unknown = Start(WithWait(Options(std::string("file")), wait), log.Observer());
    EXPECT_EQ(unknown->Wait().code(), absl::StatusCode::kNotFound);
  }
  const TestContent content = Publish(folder_.Write("in/file", RandomBytes(20 * kChunk, 34)));
  tracker_.Add(*content.manifest, {});
  const auto without_peers = Start(WithWait(Options(std::string("file")), wait), log_.Observer());
  const absl::Status outcome = without_peers->Wait();
  EXPECT_EQ(outcome.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(outcome.message()), HasSubstr("no byte for "));
  EXPECT_THAT(std::string(outcome.message()), HasSubstr("no peer has it at the moment"));
  tracker_.SetAway(true);
  EventLog log;
  const auto without_tracker = Start(WithWait(Options(std::string("file")), wait), log.Observer());
  EXPECT_EQ(without_tracker->Wait().code(), absl::StatusCode::kUnavailable);
}

TEST_F(DownloadTest, WithoutAWaitItFailsAtOnce) {
  const auto at_once = [&](tracking::ContentKey content) {
    DownloadOptions options = WithWait(Options(std::move(content)), absl::ZeroDuration());
    options.tuning.waiting_after = absl::Hours(1);
    EventLog log;
    return Start(options, log.Observer())->Wait();
  };
  EXPECT_EQ(at_once(std::string("file")).code(), absl::StatusCode::kNotFound);
  const TestContent content = Publish(folder_.Write("in/file", RandomBytes(20 * kChunk, 35)));
  tracker_.Add(*content.manifest, {});
  EXPECT_EQ(at_once(content.manifest->id()).message(), "no peer has it at the moment");
  tracker_.SetAway(true);
  EXPECT_EQ(at_once(content.manifest->id()).code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(at_once(std::string("file")).code(), absl::StatusCode::kUnavailable);
}

TEST_F(DownloadTest, APeerThatCanBeReachedNeedsNoWait) {
  const TestContent content = Publish(folder_.Write("in/file", RandomBytes(200 * kChunk, 36)));
  TestPeer peer(content.manifest->id(), content.source);
  tracker_.Add(*content.manifest, {peer.info()});
  const auto download = Start(WithWait(Options(std::string("file")), absl::ZeroDuration()), log_.Observer());
  EXPECT_EQ(download->Wait(), absl::OkStatus());
}

TEST_F(DownloadTest, AnErrorNamesThePeersThatCannotBeReached) {
  const TestContent content = Publish(folder_.Write("in/file", RandomBytes(20 * kChunk, 37)));
  const TestContent other = Publish(folder_.Write("in/other", RandomBytes(20 * kChunk, 38)));
  TestPeer gone(content.manifest->id(), content.source);
  TestPeer elsewhere(other.manifest->id(), other.source);
  const std::vector<tracking::PeerInfo> peers = {gone.info(), elsewhere.info()};
  gone.Stop();
  tracker_.Add(*content.manifest, peers);
  const auto download =
      Start(WithWait(Options(content.manifest->id()), absl::ZeroDuration()), log_.Observer());
  const std::string message(download->Wait().message());
  EXPECT_THAT(message, HasSubstr("2 known peers"));
  EXPECT_THAT(message, HasSubstr(peers[0].endpoint.ToString() + " (can't connect: Connection refused)"));
  EXPECT_THAT(message, HasSubstr(peers[1].endpoint.ToString() + " (it refused: "));
  EXPECT_THAT(message, HasSubstr("firewall"));
  EXPECT_THAT(message, HasSubstr("--advertise"));
}

TEST_F(DownloadTest, APeerIsFetchedFromAtAnyOfItsAddresses) {
  const std::string bytes = RandomBytes(20 * kChunk, 39);
  const TestContent content = Publish(folder_.Write("in/file", bytes));
  const TestContent other = Publish(folder_.Write("in/other", RandomBytes(20 * kChunk, 40)));
  TestPeer gone(content.manifest->id(), content.source);
  TestPeer elsewhere(other.manifest->id(), other.source);
  TestPeer peer(content.manifest->id(), content.source);
  tracking::PeerInfo info = peer.info();
  const Endpoint live = info.endpoint;
  // One where nothing listens, and one where a machine of another network does.
  info.endpoint = gone.info().endpoint;
  info.other_endpoints = {elsewhere.info().endpoint, live};
  gone.Stop();
  tracker_.Add(*content.manifest, {info});
  const auto download = Start(WithWait(Options(content.manifest->id())), log_.Observer());
  EXPECT_EQ(download->Wait(), absl::OkStatus());
  EXPECT_EQ(log_.All<PeerConnected>().back().endpoint, live);
  EXPECT_TRUE(ReadAll(out_ + "/file") == bytes);
}

TEST_F(DownloadTest, TakesTheNewVersionOfANameWhenNothingOfTheOldWasFetched) {
  const TestContent old = Publish(folder_.Write("old/file", RandomBytes(20 * kChunk, 41)));
  const std::string bytes = RandomBytes(30 * kChunk, 42);
  const TestContent replaced = Publish(folder_.Write("new/file", bytes));
  tracker_.Add(*old.manifest, {});
  const auto download = Start(WithWait(Options(std::string("file"))), log_.Observer());
  log_.AwaitReason("no peer has it at the moment");
  TestPeer peer(replaced.manifest->id(), replaced.source);
  tracker_.Remove(*old.manifest);
  tracker_.Add(*replaced.manifest, {peer.info()});
  EXPECT_EQ(download->Wait(), absl::OkStatus());
  EXPECT_EQ(download->status().content_id, replaced.manifest->id());
  EXPECT_TRUE(log_.LastIsFinished());
  EXPECT_THAT(log_.All<DownloadStarted>(), SizeIs(1));
  EXPECT_TRUE(ReadAll(out_ + "/file") == bytes);
}

TEST_F(DownloadTest, TakesTheNewVersionOfANameWhenNoPeerHasTheOldOneAnyMore) {
  const TestContent old = Publish(folder_.Write("old/file", RandomBytes(60 * kChunk, 43)));
  const std::string bytes = RandomBytes(30 * kChunk, 44);
  const TestContent replaced = Publish(folder_.Write("new/file", bytes));
  auto half = std::make_shared<TestSource>(old.source);
  ChunkSet held(60);
  for (uint32_t i = 0; i < 30; ++i) held.Insert(ChunkIndex(i));
  half->HoldOnly(held);
  TestPeer old_peer(old.manifest->id(), half);
  tracker_.Add(*old.manifest, {old_peer.info()});
  DownloadOptions options = WithWait(Options(std::string("file")));
  std::vector<ContentId> opened;
  std::vector<ContentId> discarded;
  options.on_opened = [&](const std::shared_ptr<const ChunkSource>& source, const auto&) {
    opened.push_back(source->manifest()->id());
  };
  options.on_discarded = [&](const std::shared_ptr<const ChunkSource>& source) {
    discarded.push_back(source->manifest()->id());
  };
  const auto download = Start(options, log_.Observer());
  log_.WaitForGained(30);
  TestPeer peer(replaced.manifest->id(), replaced.source);
  tracker_.Remove(*old.manifest);
  tracker_.Add(*replaced.manifest, {peer.info()});
  old_peer.Stop();
  EXPECT_EQ(download->Wait(), absl::OkStatus());
  EXPECT_TRUE(ReadAll(out_ + "/file") == bytes);
  EXPECT_EQ(download->source()->manifest()->id(), replaced.manifest->id());
  EXPECT_THAT(opened, ElementsAre(old.manifest->id(), replaced.manifest->id()));
  EXPECT_THAT(discarded, ElementsAre(old.manifest->id()));
  const std::vector<ContentReplaced> events = log_.All<ContentReplaced>();
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_EQ(events[0].content_id, old.manifest->id());
  EXPECT_EQ(events[0].discarded_bytes, 30u * kChunk);
  EXPECT_THAT(log_.All<DownloadStarted>(), SizeIs(2));
  EXPECT_TRUE(log_.LastIsFinished());
  using Folder = std::filesystem::directory_iterator;
  EXPECT_EQ(std::distance(Folder(out_), Folder()), 1) << "nothing of the first content remains";
}

TEST_F(DownloadTest, SaysThatThePeersOfAContentAreGone) {
  const TestContent content = Publish(folder_.Write("in/file", RandomBytes(20 * kChunk, 47)));
  auto half = std::make_shared<TestSource>(content.source);
  ChunkSet held(20);
  held.Insert(ChunkIndex(0));
  half->HoldOnly(held);
  TestPeer peer(content.manifest->id(), half);
  tracker_.Add(*content.manifest, {peer.info()});
  const auto download = Start(WithWait(Options(content.manifest->id()), absl::Seconds(1)), log_.Observer());
  log_.WaitForGained(1);
  tracker_.Remove(*content.manifest);
  peer.Stop();
  const absl::Status outcome = download->Wait();
  EXPECT_EQ(outcome.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(outcome.message(), "no byte for 1.0s: the peer that had it is gone");
}

TEST_F(DownloadTest, StopsWhileItStartsOver) {
  const TestContent old = Publish(folder_.Write("old/file", RandomBytes(20 * kChunk, 45)));
  const TestContent replaced = Publish(folder_.Write("new/file", RandomBytes(20 * kChunk, 46)));
  tracker_.Add(*old.manifest, {});
  for (int round = 0; round < 10; ++round) {
    EventLog log;
    const auto download = Start(WithWait(Options(std::string("file"))), log.Observer());
    log.AwaitReason("no peer has it at the moment");
    const TestContent& from = round % 2 == 0 ? old : replaced;
    const TestContent& to = round % 2 == 0 ? replaced : old;
    tracker_.Remove(*from.manifest);
    tracker_.Add(*to.manifest, {});
    download->Stop();
    EXPECT_EQ(download->Wait().code(), absl::StatusCode::kCancelled);
  }
}

TEST_F(DownloadTest, APeerWithABrokenSourceIsLeftOutUntilItRegistersAgain) {
  const std::string bytes = RandomBytes(20 * kChunk, 47);
  const TestContent content = Publish(folder_.Write("in/file", bytes));
  auto failing = std::make_shared<TestSource>(content.source);
  failing->FailReading();
  tracking::PeerInfo info;
  {
    TestPeer broken(content.manifest->id(), failing);
    info = broken.info();
    tracker_.Add(*content.manifest, {info});
    const auto download = Start(WithWait(Options(content.manifest->id())), log_.Observer());
    log_.AwaitReason("1 known peer can't read the file any more");
    EXPECT_THAT(log_.All<PeerConnected>(), SizeIs(1));
    tracker_.Remove(*content.manifest);
    tracker_.Add(*content.manifest, {});
    log_.AwaitReason("no peer has it at the moment");
    // It is mended, and registers again.
    failing->FailReading(false);
    tracker_.Remove(*content.manifest);
    tracker_.Add(*content.manifest, {info});
    EXPECT_EQ(download->Wait(), absl::OkStatus());
  }
  EXPECT_TRUE(ReadAll(out_ + "/file") == bytes);
}

TEST_F(DownloadTest, WithoutATrackerItCannotBegin) {
  DownloadOptions options = Options(std::string("file"));
  options.trackers.clear();
  const auto download = Start(options, log_.Observer());
  EXPECT_EQ(download->Wait().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(DownloadTest, ATrackerThatGoesAndComesBackDoesNotEndADownload) {
  const std::string bytes = RandomBytes(30 * kChunk, 14);
  const TestContent content = Publish(folder_.Write("in/file", bytes));
  auto source = std::make_shared<TestSource>(content.source);
  source->FreezeAfter(5);
  TestPeer peer(content.manifest->id(), source);
  tracker_.Add(*content.manifest, {peer.info()});
  const auto download = Start(Options(content.manifest->id()), log_.Observer());
  source->WaitUntilFrozen();
  tracker_.SetAway(true);
  log_.WaitFor<TrackerChanged>([](const TrackerChanged& event) { return !event.status.ok(); });
  tracker_.SetAway(false);
  log_.WaitFor<TrackerChanged>([](const TrackerChanged& event) { return event.status.ok(); });
  source->Release();
  EXPECT_EQ(download->Wait(), absl::OkStatus());
}

TEST_F(DownloadTest, DropsAPeerThatSendsAnotherManifest) {
  const std::string bytes = RandomBytes(20 * kChunk, 15);
  const TestContent content = Publish(folder_.Write("in/file", bytes));
  const TestContent other = Publish(folder_.Write("in/other/file", RandomBytes(20 * kChunk, 16)));
  auto lying = std::make_shared<TestSource>(content.source);
  lying->LieAbout(other.manifest);
  TestPeer liar(content.manifest->id(), lying);
  tracker_.Add(*content.manifest, {liar.info()});
  const auto download = Start(Options(content.manifest->id()), log_.Observer());
  const PeerLost lost = log_.WaitFor<PeerLost>();
  EXPECT_TRUE(lost.for_good);
  EXPECT_THAT(lost.why, HasSubstr("manifest"));
  TestPeer good(content.manifest->id(), content.source);
  tracker_.Add(*content.manifest, {good.info()});
  EXPECT_EQ(download->Wait(), absl::OkStatus());
  EXPECT_TRUE(ReadAll(out_ + "/file") == bytes);
}

TEST_F(DownloadTest, ComesBackToABusyPeer) {
  const std::string bytes = RandomBytes(20 * kChunk, 17);
  const TestContent content = Publish(folder_.Write("in/file", bytes));
  TestPeer busy(content.manifest->id(), content.source, /*max_sessions=*/0);
  tracker_.Add(*content.manifest, {busy.info()});
  const auto download = Start(Options(content.manifest->id()), log_.Observer());
  EXPECT_THAT(log_.WaitFor<PeerLost>().why, HasSubstr("busy"));
  log_.WaitFor<Waiting>(
      [](const Waiting& event) { return event.because == "1 known peer is busy; trying again soon"; });
  TestPeer good(content.manifest->id(), content.source);
  tracker_.Add(*content.manifest, {good.info()});
  EXPECT_EQ(download->Wait(), absl::OkStatus());
}

TEST_F(DownloadTest, LeavesAPeerThatCannotReadItsFile) {
  const std::string bytes = RandomBytes(20 * kChunk, 18);
  const TestContent content = Publish(folder_.Write("in/file", bytes));
  auto failing = std::make_shared<TestSource>(content.source);
  failing->FailReading();
  TestPeer unreadable(content.manifest->id(), failing);
  tracker_.Add(*content.manifest, {unreadable.info()});
  const auto download = Start(Options(content.manifest->id()), log_.Observer());
  EXPECT_FALSE(log_.WaitFor<PeerLost>().for_good);
  TestPeer good(content.manifest->id(), content.source);
  tracker_.Add(*content.manifest, {good.info()});
  EXPECT_EQ(download->Wait(), absl::OkStatus());
  EXPECT_TRUE(ReadAll(out_ + "/file") == bytes);
}

TEST_F(DownloadTest, SaysThatTheDiskIsFull) {
  const TestContent content = Publish(folder_.Write("in/file", RandomBytes(64 * kChunk, 19)));
  TestPeer peer(content.manifest->id(), content.source);
  tracker_.Add(*content.manifest, {peer.info()});
  // No file of this process may be larger than half the content.
  signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small{32 * kChunk, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto download = Start(Options(content.manifest->id()), log_.Observer());
  const absl::Status outcome = download->Wait();
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_FALSE(outcome.ok());
  EXPECT_EQ(download->status().phase, DownloadStatus::Phase::kFailed);
  EXPECT_FALSE(std::filesystem::exists(out_ + "/file"));
}

TEST_F(DownloadTest, SaysThatTheFolderCannotBeMade) {
  const TestContent content = Publish(folder_.Write("in/file", "bytes"));
  TestPeer peer(content.manifest->id(), content.source);
  tracker_.Add(*content.manifest, {peer.info()});
  DownloadOptions options = Options(content.manifest->id());
  options.output_folder = folder_.Write("a_file", "not a folder") + "/below";
  const auto download = Start(options, log_.Observer());
  EXPECT_FALSE(download->Wait().ok());
}

// A folder with files a and b of 100 chunks each, served by one peer that freezes in the middle.
class DownloadOfSomeFilesTest : public DownloadTest {
 protected:
  DownloadOfSomeFilesTest() {
    folder_.Write("in/tree/a", a_);
    folder_.Write("in/tree/b", b_);
    content_ = Publish(folder_.Path("in/tree"));
    source_ = std::make_shared<TestSource>(content_.source);
    source_->FreezeAfter(2);
    peer_ = std::make_unique<TestPeer>(content_.manifest->id(), source_);
    tracker_.Add(*content_.manifest, {peer_->info()});
  }
  ~DownloadOfSomeFilesTest() override { source_->Release(); }

  const std::string a_ = RandomBytes(100 * kChunk, 21);
  const std::string b_ = RandomBytes(100 * kChunk, 22);
  TestContent content_;
  std::shared_ptr<TestSource> source_;
  std::unique_ptr<TestPeer> peer_;
};

TEST_F(DownloadOfSomeFilesTest, SkippedFilesAreNeitherFetchedNorCounted) {
  source_->Release();
  DownloadOptions options = Options(content_.manifest->id());
  options.selection.exclude = {"b"};
  const auto download = Start(options, log_.Observer());
  ASSERT_EQ(download->Wait(), absl::OkStatus());
  EXPECT_TRUE(ReadAll(out_ + "/tree/a") == a_);
  EXPECT_FALSE(std::filesystem::exists(out_ + "/tree/b"));
  const DownloadStatus status = download->status();
  EXPECT_EQ(status.held_bytes, a_.size());
  EXPECT_EQ(status.wanted_bytes, a_.size());
  EXPECT_EQ(status.length_bytes, a_.size() + b_.size());
  EXPECT_EQ(status.chunks_held, 100u);
  EXPECT_EQ(status.in_order_bytes, a_.size());
  const DownloadStarted started = log_.WaitFor<DownloadStarted>();
  EXPECT_EQ(started.files, 2u);
  EXPECT_EQ(started.wanted_files, 1u);
}

TEST_F(DownloadOfSomeFilesTest, AFileCanBeSkippedMeanwhile) {
  const auto download = Start(Options(content_.manifest->id()), log_.Observer());
  source_->WaitUntilFrozen();
  download->SetFilePriority("b", FilePriority::kSkip);
  download->SetFilePriority(FileIndex(7), FilePriority::kSkip);  // there is none
  source_->Release();
  ASSERT_EQ(download->Wait(), absl::OkStatus());
  EXPECT_TRUE(ReadAll(out_ + "/tree/a") == a_);
  EXPECT_FALSE(std::filesystem::exists(out_ + "/tree/b"));
  EXPECT_EQ(download->status().wanted_files, 1u);
}

TEST_F(DownloadOfSomeFilesTest, AFileCanBeWantedMeanwhile) {
  DownloadOptions options = Options(content_.manifest->id());
  options.selection.exclude = {"b"};
  const auto download = Start(options, log_.Observer());
  source_->WaitUntilFrozen();
  download->SetFilePriority(FileIndex(1), FilePriority::kHigh);
  source_->Release();
  ASSERT_EQ(download->Wait(), absl::OkStatus());
  EXPECT_TRUE(ReadAll(out_ + "/tree/a") == a_);
  EXPECT_TRUE(ReadAll(out_ + "/tree/b") == b_);
}

TEST_F(DownloadOfSomeFilesTest, PrioritiesSetBeforeTheManifestArrivesCount) {
  source_->Release();
  tracker_.SetAway(true);
  DownloadOptions options = Options(content_.manifest->id());
  options.wait_for_content = absl::Seconds(30);
  const auto download = Start(options, log_.Observer());
  download->SetFilePriority("a", FilePriority::kSkip);
  log_.WaitFor<TrackerChanged>();
  tracker_.SetAway(false);
  ASSERT_EQ(download->Wait(), absl::OkStatus());
  EXPECT_FALSE(std::filesystem::exists(out_ + "/tree/a"));
  EXPECT_TRUE(ReadAll(out_ + "/tree/b") == b_);
}

TEST_F(DownloadOfSomeFilesTest, NothingWantedIsAnError) {
  DownloadOptions options = Options(content_.manifest->id());
  options.selection.include = {"c"};
  const auto download = Start(options, log_.Observer());
  const absl::Status outcome = download->Wait();
  EXPECT_EQ(outcome.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(outcome.message()), HasSubstr("none of its 2 files"));
  EXPECT_FALSE(std::filesystem::exists(out_));
}

TEST_F(DownloadTest, APausedDownloadDialsNoPeerUntilItResumes) {
  const std::string bytes = RandomBytes(50 * kChunk, 23);
  const TestContent content = Publish(folder_.Write("in/file", bytes));
  TestPeer peer(content.manifest->id(), content.source);
  tracker_.Add(*content.manifest, {peer.info()});
  const auto download = Start(Options(content.manifest->id()), log_.Observer());
  download->Pause();
  download->Pause();
  EXPECT_TRUE(log_.WaitFor<PausedChanged>().paused);

  // In the time in which another one gets all of it, this one gets no more than what was under way.
  EventLog other_log;
  DownloadOptions other = Options(content.manifest->id());
  other.output_folder = folder_.Path("other");
  other.on_gained = nullptr;
  EXPECT_EQ(Start(other, other_log.Observer())->Wait(), absl::OkStatus());
  EXPECT_TRUE(download->status().paused);
  EXPECT_NE(download->status().phase, DownloadStatus::Phase::kDone);

  download->Resume();
  EXPECT_EQ(download->Wait(), absl::OkStatus());
  EXPECT_FALSE(log_.All<PausedChanged>().back().paused);
  EXPECT_THAT(log_.All<PausedChanged>(), SizeIs(2));
  EXPECT_TRUE(ReadAll(out_ + "/file") == bytes);
}

TEST_F(DownloadTest, LimitsCanBeChangedAndAreShown) {
  const std::string bytes = RandomBytes(20 * kChunk, 24);
  const TestContent content = Publish(folder_.Write("in/file", bytes));
  TestPeer peer(content.manifest->id(), content.source);
  tracker_.Add(*content.manifest, {peer.info()});
  DownloadOptions options = Options(content.manifest->id());
  DownloadRuntime::Options limited = RuntimeAt(tracker_);
  limited.limits = {std::make_shared<net::RateLimit>(50 * kChunk), std::make_shared<net::RateLimit>(1000)};
  DownloadRuntime runtime(limited);
  const auto download = Download::Start(runtime, options, log_.Observer());
  runtime.SetRateLimits(net::RateLimit::kUnlimited, 77);
  EXPECT_EQ(download->Wait(), absl::OkStatus());
  EXPECT_EQ(download->status().limit_down_bytes_per_second, net::RateLimit::kUnlimited);
  EXPECT_EQ(download->status().limit_up_bytes_per_second, 77u);
  EXPECT_TRUE(ReadAll(out_ + "/file") == bytes);
}

TEST_F(DownloadTest, ALimitOfItsOwnStandsBelowThatOfTheRuntime) {
  const std::string bytes = RandomBytes(20 * kChunk, 24);
  const TestContent content = Publish(folder_.Write("in/file", bytes));
  TestPeer peer(content.manifest->id(), content.source);
  tracker_.Add(*content.manifest, {peer.info()});
  DownloadRuntime::Options shared = RuntimeAt(tracker_);
  shared.limits.down = std::make_shared<net::RateLimit>();
  DownloadRuntime runtime(shared);
  DownloadOptions options = Options(content.manifest->id());
  options.limit_down_bytes_per_second = 0;  // nothing passes
  const auto held_back = Download::Start(runtime, options, log_.Observer());
  DownloadOptions other = Options(content.manifest->id());
  other.output_folder = folder_.Path("other");
  EventLog other_log;
  EXPECT_EQ(Download::Start(runtime, other, other_log.Observer())->Wait(), absl::OkStatus());
  EXPECT_EQ(held_back->status().held_bytes, 0u);
  held_back->SetLimit(net::RateLimit::kUnlimited);
  EXPECT_EQ(held_back->Wait(), absl::OkStatus());
  EXPECT_TRUE(ReadAll(out_ + "/file") == bytes);
}

TEST_F(DownloadTest, CountsWhatItsServerSends) {
  const std::string bytes = RandomBytes(20 * kChunk, 25);
  const TestContent content = Publish(folder_.Write("in/file", bytes));
  TestPeer peer(content.manifest->id(), content.source);
  tracker_.Add(*content.manifest, {peer.info()});
  DownloadOptions options = Options(content.manifest->id());
  const PeerId friendly = RandomPeerId();
  options.uploads = [&](const ContentId& id) {
    EXPECT_EQ(id, content.manifest->id());
    stream::ContentTotals totals;
    totals.sent_bytes = 900;
    totals.peers = {stream::PeerUpload{.peer = friendly, .endpoint = {}, .sent_bytes = 700}};
    return totals;
  };
  const auto download = Start(options, log_.Observer());
  EXPECT_EQ(download->Wait(), absl::OkStatus());
  const DownloadStatus status = download->status();
  EXPECT_EQ(status.sent_bytes, 900u);
  EXPECT_EQ(status.received_bytes, bytes.size());
  ASSERT_NE(Find(status, friendly), nullptr);
  EXPECT_EQ(Find(status, friendly)->sent_bytes, 700u);
  EXPECT_EQ(Find(status, peer)->received_bytes, bytes.size());
}

// The threads of this process.
size_t Threads() {
  size_t count = 0;
  for ([[maybe_unused]] const auto& each : std::filesystem::directory_iterator("/proc/self/task")) ++count;
  return count;
}

TEST_F(DownloadTest, ManyShareOneRuntime) {
  constexpr int kContents = 40;
  const size_t threads_before = Threads();
  std::vector<std::string> bytes;
  std::vector<std::unique_ptr<TestPeer>> peers;
  std::vector<TestContent> contents;
  DownloadRuntime::Options shared = RuntimeAt(tracker_);
  shared.loops = 2;
  shared.disk_threads = 2;
  shared.buffer_bytes = 4 * kChunk;  // far less than one buffer for each
  std::vector<EventLog> logs(kContents);
  for (int i = 0; i < kContents; ++i) {
    bytes.push_back(RandomBytes(static_cast<size_t>(20 + i) * kChunk + 5, static_cast<uint32_t>(100 + i)));
    contents.push_back(Publish(folder_.Write("in/" + std::to_string(i), bytes.back())));
  }
  const TestContent& first = contents.front();
  TestPeer only_first(first.manifest->id(), first.source);
  tracker_.Add(*first.manifest, {only_first.info()});
  DownloadRuntime runtime(shared);
  std::vector<std::unique_ptr<Download>> downloads;
  for (int i = 0; i < kContents; ++i) {
    DownloadOptions options = Options(contents[static_cast<size_t>(i)].manifest->id());
    options.manifest = contents[static_cast<size_t>(i)].manifest;
    options.wait_for_content = absl::Hours(1);
    downloads.push_back(Download::Start(runtime, options, logs[static_cast<size_t>(i)].Observer()));
  }
  EXPECT_EQ(downloads.front()->Wait(), absl::OkStatus());
  // Two loops, two disk threads, one for the tracker's lookups; and those of the peer that serves.
  EXPECT_LE(Threads() - threads_before, 2u + 2u + 1u + 4u);
  EXPECT_EQ(downloads.back()->status().chunks_held, 0u);
  for (size_t i = 1; i < contents.size(); ++i) {
    peers.push_back(std::make_unique<TestPeer>(contents[i].manifest->id(), contents[i].source));
    tracker_.Add(*contents[i].manifest, {peers.back()->info()});
  }
  // Some end while others still fetch.
  downloads[1].reset();
  EXPECT_TRUE(logs[1].LastIsFinished());
  for (size_t i = 2; i < contents.size(); ++i) {
    EXPECT_EQ(downloads[i]->Wait(), absl::OkStatus());
    EXPECT_TRUE(ReadAll(out_ + "/" + std::to_string(i)) == bytes[i]);
  }
  EXPECT_EQ(runtime.chunk_memory()->lent_bytes(), 0u);
}

TEST_F(DownloadTest, CanBeDestroyedAtAnyTime) {
  const TestContent content = Publish(folder_.Write("in/file", RandomBytes(200 * kChunk, 20)));
  TestPeer peer(content.manifest->id(), content.source);
  tracker_.Add(*content.manifest, {peer.info()});
  for (size_t gained = 0; gained < 60; gained += 10) {
    EventLog log;
    DownloadOptions options = Options(content.manifest->id());
    options.output_folder = folder_.Path("out" + std::to_string(gained));
    options.on_gained = [&](const ContentId&, const std::vector<ChunkIndex>& chunks) {
      log.CountGained(chunks.size());
    };
    auto download = Start(options, log.Observer());
    log.WaitForGained(gained);
    download.reset();
    EXPECT_TRUE(log.LastIsFinished());
  }
}

// Two trackers issue tickets, and each names a peer of its own.
TEST_F(DownloadTest, ShowsAPeerTheTicketsOfTheTrackersThatNamedIt) {
  const std::string bytes = RandomBytes(40 * kChunk, 61);
  const TestContent content = Publish(folder_.Write("in/ticketed.bin", bytes));
  const SigningKey keys[] = {SigningKey::Generate(), SigningKey::Generate()};
  Mutex mutex;
  std::set<std::string> shown[2];
  const auto check = [&](int peer) {
    return [&, peer](const stream::Hello& theirs, std::optional<absl::string_view>) {
      MutexLock lock(&mutex);
      shown[peer].insert(theirs.ticket);
      const auto ticket = tracking::Ticket::Decode(AsBytes(theirs.ticket));
      return ticket.ok() && ticket->issuer == keys[peer].public_key() &&
                     ticket->content == theirs.content_id && ticket->peer == theirs.peer_id &&
                     ticket->Verifies()
                 ? absl::OkStatus()
                 : absl::PermissionDeniedError("not that one");
    };
  };
  ChunkSet first(40);
  ChunkSet second(40);
  for (uint32_t i = 0; i < 40; ++i) (i < 20 ? first : second).Insert(ChunkIndex(i));
  auto half = std::make_shared<TestSource>(content.source);
  half->HoldOnly(first);
  auto rest = std::make_shared<TestSource>(content.source);
  rest->HoldOnly(second);
  TestPeer a(content.manifest->id(), half, 16, nullptr, check(0));
  TestPeer b(content.manifest->id(), rest, 16, nullptr, check(1));
  TestTracker other;
  tracker_.IssueTickets(keys[0]);
  tracker_.Add(*content.manifest, {a.info()});
  other.IssueTickets(keys[1]);
  other.Add(*content.manifest, {b.info()});

  DownloadRuntime::Options runtime_options;
  runtime_options.make_tracker_client = [&](const tracking::TrackerUrl& url) {
    return (url.address.port == 1 ? tracker_ : other).MakeClient(url);
  };
  DownloadRuntime runtime(std::move(runtime_options));
  for (const tracking::ContentKey& key :
       {tracking::ContentKey(content.manifest->id()), tracking::ContentKey(content.manifest->name())}) {
    DownloadOptions options = Options(key);
    options.output_folder = folder_.Path(key.index() == 0 ? "by_id" : "by_name");
    options.trackers.push_back(*tracking::TrackerUrl::Parse("127.0.0.1:2"));
    const auto download = Download::Start(runtime, std::move(options), log_.Observer());
    EXPECT_EQ(download->Wait(), absl::OkStatus());
  }
  MutexLock lock(&mutex);
  for (const auto& [peer, key] : {std::pair(0, keys[0]), std::pair(1, keys[1])}) {
    for (const std::string& ticket : shown[peer]) {
      ASSERT_EQ(ticket.size(), tracking::Ticket::kEncodedBytes) << "one, and no other tracker's";
      EXPECT_EQ(tracking::Ticket::Decode(AsBytes(ticket))->issuer, key.public_key());
    }
  }
}

TEST_F(DownloadTest, TellsWhatPeersSayThatWantATicket) {
  const TestContent content = Publish(folder_.Write("in/closed.bin", RandomBytes(10 * kChunk, 62)));
  TestPeer peer(content.manifest->id(), content.source, 16, nullptr,
                [](const stream::Hello&, std::optional<absl::string_view>) {
                  return absl::PermissionDeniedError("ask the tracker");
                });
  tracker_.Add(*content.manifest, {peer.info()});
  DownloadOptions options = Options(content.manifest->id());
  options.wait = absl::ZeroDuration();
  const auto download = Start(std::move(options), log_.Observer());
  const absl::Status outcome = download->Wait();
  EXPECT_TRUE(absl::IsPermissionDenied(outcome)) << outcome;
  EXPECT_EQ(CauseOf(outcome), ErrorCause::kNoTicket);
  EXPECT_THAT(std::string(outcome.message()),
              testing::AllOf(HasSubstr("1 known peer wants a ticket"), HasSubstr("ask the tracker"),
                             testing::Not(HasSubstr("firewall"))));
  EXPECT_EQ(peer.server().totals().sent_bytes, 0u);
  EXPECT_THAT(bad_peers_.All(), IsEmpty());
}

}  // namespace
}  // namespace shoal::leecher
