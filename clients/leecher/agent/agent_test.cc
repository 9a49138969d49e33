#include "clients/leecher/agent/agent.h"

#include <filesystem>
#include <fstream>
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "clients/leecher/agent/followed_folder.h"
#include "clients/leecher/download/test_swarm.h"

namespace shoal::leecher {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using State = AgentDownload::State;

constexpr uint32_t kChunk = kMinChunkSizeBytes;

// A viewer that waits for what it wants to see.
class Viewer {
 public:
  explicit Viewer(Agent& agent) : watch_(agent.Watch([this] { Wake(); })) {}

  // Blocks until the downloads that it knows satisfy `condition`.
  void Await(const std::function<bool()>& condition) {
    while (true) {
      while (auto changes = watch_->Take()) Apply(*changes);
      if (condition()) return;
      MutexLock lock(&mutex_);
      while (!woken_) changed_.Wait(&mutex_);
      woken_ = false;
    }
  }
  AgentDownload AwaitState(DownloadId id, State state) {
    Await([&] { return downloads.contains(id) && downloads[id].state == state; });
    return downloads[id];
  }
  void AwaitEvent(const std::string& kind) {
    Await([&] {
      return std::any_of(events.begin(), events.end(),
                         [&](const AgentEvent& event) { return event.kind == kind; });
    });
  }

  std::map<DownloadId, AgentDownload> downloads;
  std::vector<AgentEvent> events;
  AgentTotals totals;
  std::vector<FollowRule> follows;
  int snapshots = 0;

 private:
  void Apply(const AgentChanges& changes) {
    if (changes.snapshot) {
      ++snapshots;
      downloads.clear();
    }
    for (const AgentDownload& download : changes.changed) downloads[download.saved.id] = download;
    for (const DownloadId id : changes.removed) downloads.erase(id);
    if (changes.totals.has_value()) totals = *changes.totals;
    if (changes.follows.has_value()) follows = *changes.follows;
    events.insert(events.end(), changes.events.begin(), changes.events.end());
  }
  void Wake() {
    MutexLock lock(&mutex_);
    woken_ = true;
    changed_.NotifyAll();
  }

  Mutex mutex_;
  CondVar changed_;
  bool woken_ ABSL_GUARDED_BY(mutex_) = false;
  std::unique_ptr<AgentWatch> watch_;
};

class AgentTest : public ::testing::Test {
 protected:
  Agent::Options Options() {
    Agent::Options options;
    options.state_folder = folder_.Path("state");
    options.output_folder = folder_.Path("out");
    options.trackers = {*tracking::TrackerUrl::Parse("127.0.0.1:1")};
    options.downloads.runtime.make_tracker_client = [this](const tracking::TrackerUrl& url) {
      return tracker_.MakeClient(url);
    };
    options.offer_interval = absl::Milliseconds(20);
    return options;
  }
  std::unique_ptr<Agent> Start() { return Start(Options()); }
  static std::unique_ptr<Agent> Start(Agent::Options options) {
    auto agent = Agent::Start(std::move(options));
    EXPECT_TRUE(agent.ok()) << agent.status();
    return *std::move(agent);
  }

  TestContent Offer(const std::string& name, const std::string& bytes, const std::string& folder = "in") {
    TestContent content = Publish(folder_.Write(folder + "/" + name, bytes));
    peers_.push_back(std::make_unique<TestPeer>(content.manifest->id(), content.source));
    tracker_.Add(*content.manifest, {peers_.back()->info()});
    return content;
  }
  // A peer that holds the first half of the chunks.
  static std::unique_ptr<TestPeer> PeerWithHalf(const TestContent& content) {
    const uint32_t chunks = content.manifest->chunk_count();
    ChunkSet held(chunks);
    for (uint32_t i = 0; i < chunks / 2; ++i) held.Insert(ChunkIndex(i));
    auto half = std::make_shared<TestSource>(content.source);
    half->HoldOnly(held);
    return std::make_unique<TestPeer>(content.manifest->id(), half);
  }
  static Agent::Wanted Named(const std::string& name) {
    Agent::Wanted wanted;
    wanted.name_or_id = name;
    return wanted;
  }
  std::string Out(const std::string& name) { return folder_.Path("out/" + name); }

  TestFolder folder_;
  TestTracker tracker_;
  std::vector<std::unique_ptr<TestPeer>> peers_;
};

TEST_F(AgentTest, BringsWhatIsAdded) {
  const std::string bytes = RandomBytes(30 * kChunk + 1, 1);
  const TestContent content = Offer("model", bytes);
  const auto agent = Start();
  Viewer viewer(*agent);
  const auto added = agent->Add(Named("model"));
  ASSERT_TRUE(added.ok()) << added.status();
  EXPECT_FALSE(added->existed);
  const DownloadId id = added->download.saved.id;
  const AgentDownload complete = viewer.AwaitState(id, State::kComplete);
  EXPECT_EQ(complete.saved.content_id, content.manifest->id());
  EXPECT_EQ(complete.status.held_bytes, bytes.size());
  EXPECT_EQ(complete.target_path, Out("model"));
  EXPECT_TRUE(ReadAll(Out("model")) == bytes);
  EXPECT_EQ(viewer.snapshots, 1);
  EXPECT_NE(agent->ManifestOf(id), nullptr);
  EXPECT_TRUE(agent->SourceOf(id)->Holds(ChunkIndex(0)));
  EXPECT_EQ(agent->FindContent(content.manifest->id()), id);
}

TEST_F(AgentTest, RemembersWhoSignedWhatItServes) {
  const TestContent content = Offer("model", RandomBytes(kChunk, 1));
  const ContentId& id = content.manifest->id();
  const auto signature = PublisherSignature::Make(SigningKey::Generate(), id, "model", absl::UnixEpoch());
  PublisherSignature forged = signature;
  forged.key = SigningKey::Generate().public_key();
  tracker_.Sign(id, {forged, signature});
  {
    const auto agent = Start();
    Viewer viewer(*agent);
    const DownloadId download = agent->Add(Named("model"))->download.saved.id;
    EXPECT_EQ(viewer.AwaitState(download, State::kComplete).saved.signature, signature);
  }
  tracker_.Remove(*content.manifest);
  const auto agent = Start();
  ASSERT_THAT(agent->List(), SizeIs(1));
  EXPECT_EQ(agent->List()[0].saved.signature, signature);
}

TEST_F(AgentTest, TheSameAddIsTheSameDownload) {
  Offer("model", RandomBytes(kChunk, 1));
  const auto agent = Start();
  Agent::Wanted wanted = Named("model");
  wanted.request_id = "once";
  const DownloadId id = agent->Add(wanted)->download.saved.id;
  const auto again = agent->Add(Named("model"));
  EXPECT_TRUE(again->existed);
  EXPECT_EQ(again->download.saved.id, id);
  ASSERT_TRUE(agent->Remove({id}, false).ok());
  const auto repeated = agent->Add(wanted);
  EXPECT_TRUE(repeated->existed);
  EXPECT_EQ(repeated->download.saved.id, id);
  EXPECT_NE(agent->Add(Named("model"))->download.saved.id, id);
}

TEST_F(AgentTest, TheBeginningOfAnIdIsTheSameDownload) {
  const TestContent content = Offer("model", RandomBytes(kChunk, 1));
  const std::string hex = content.manifest->id().ToHex();
  const auto agent = Start();
  Viewer viewer(*agent);
  const DownloadId id = agent->Add(Named("model"))->download.saved.id;
  viewer.AwaitState(id, State::kComplete);
  const auto again = agent->Add(Named(hex.substr(0, 12)));
  EXPECT_TRUE(again->existed);
  EXPECT_EQ(again->download.saved.id, id);
  EXPECT_FALSE(agent->Add(Named(hex.substr(0, 7)))->existed) << "no id begins so";
  Agent::Wanted elsewhere = Named(hex.substr(0, 12));
  elsewhere.output_folder = folder_.Path("elsewhere");
  EXPECT_FALSE(agent->Add(elsewhere)->existed);
}

TEST_F(AgentTest, RefusesWhatCannotBe) {
  const auto agent = Start();
  EXPECT_TRUE(absl::IsInvalidArgument(agent->Add(Named("a/b")).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(agent->Add(Named("")).status()));
  Agent::Wanted relative = Named("a");
  relative.output_folder = "b";
  EXPECT_TRUE(absl::IsInvalidArgument(agent->Add(relative).status()));
  Agent::Wanted below_a_file = Named("a");
  below_a_file.output_folder = folder_.Write("file", "a") + "/b";
  EXPECT_TRUE(absl::IsInvalidArgument(agent->Add(below_a_file).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(agent->Follow({"a", 1, below_a_file.output_folder})));
  EXPECT_TRUE(absl::IsNotFound(agent->SetPaused({DownloadId(7)}, true)));
  EXPECT_TRUE(absl::IsNotFound(agent->Verify({DownloadId(7)})));
  EXPECT_TRUE(absl::IsNotFound(agent->SetPinned({DownloadId(7)}, true)));
  EXPECT_TRUE(absl::IsNotFound(agent->SetFilePriority(DownloadId(7), {})));
  EXPECT_TRUE(absl::IsNotFound(agent->Get(DownloadId(7)).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(agent->Follow({})));
  EXPECT_TRUE(absl::IsInvalidArgument(agent->Follow({"[", 1, ""})));
  EXPECT_TRUE(agent->Remove({DownloadId(7)}, true).ok());
  EXPECT_THAT(agent->List(), IsEmpty());
}

TEST_F(AgentTest, RemembersEverythingAcrossARestart) {
  const std::string bytes = RandomBytes(30 * kChunk, 1);
  const TestContent content = Offer("model", bytes);
  DownloadId done;
  DownloadId waiting;
  {
    const auto agent = Start();
    Viewer viewer(*agent);
    done = agent->Add(Named("model"))->download.saved.id;
    viewer.AwaitState(done, State::kComplete);
    Agent::Wanted unknown = Named("nobody has it");
    unknown.paused = true;
    waiting = agent->Add(unknown)->download.saved.id;
    ASSERT_TRUE(agent->SetPinned({done}, true).ok());
    SavedLimits limits;
    limits.up_bytes_per_second = 1000;
    ASSERT_TRUE(agent->SetLimits(limits).ok());
    ASSERT_TRUE(agent->Follow({"other*", 2, ""}).ok());
  }
  peers_.clear();
  const auto agent = Start();
  const std::vector<AgentDownload> downloads = agent->List();
  ASSERT_THAT(downloads, SizeIs(2));
  EXPECT_EQ(downloads[0].saved.id, done);
  EXPECT_EQ(downloads[0].state, State::kComplete) << downloads[0].failure;
  EXPECT_EQ(downloads[0].status.held_bytes, bytes.size());
  EXPECT_TRUE(downloads[0].saved.pinned);
  EXPECT_EQ(downloads[1].saved.id, waiting);
  EXPECT_TRUE(downloads[1].saved.paused);
  EXPECT_TRUE(agent->SourceOf(done)->Open(ChunkIndex(29)).ok());
  EXPECT_EQ(agent->totals().limits.up_bytes_per_second, 1000u);
  EXPECT_EQ(agent->totals().disk_used_bytes, bytes.size());
  EXPECT_THAT(agent->follows(), ElementsAre(FollowRule{"other*", 2, folder_.Path("out")}));
}

TEST_F(AgentTest, ContinuesAnUnfinishedDownload) {
  const std::string bytes = RandomBytes(40 * kChunk, 1);
  const TestContent content = Publish(folder_.Write("in/model", bytes));
  auto peer = PeerWithHalf(content);
  tracker_.Add(*content.manifest, {peer->info()});
  DownloadId id;
  {
    const auto agent = Start();
    Viewer viewer(*agent);
    id = agent->Add(Named(content.manifest->id().ToHex()))->download.saved.id;
    viewer.Await([&] { return viewer.downloads[id].status.chunks_held == 20; });
  }
  peer = std::make_unique<TestPeer>(content.manifest->id(), content.source);
  tracker_.Remove(*content.manifest);
  tracker_.Add(*content.manifest, {peer->info()});
  const auto agent = Start();
  Viewer viewer(*agent);
  const AgentDownload complete = viewer.AwaitState(id, State::kComplete);
  EXPECT_EQ(complete.status.resumed_bytes, 20u * kChunk);
  EXPECT_TRUE(ReadAll(Out("model")) == bytes);
}

TEST_F(AgentTest, APausedDownloadShowsWhatItHoldsAfterARestart) {
  const std::string bytes = RandomBytes(40 * kChunk, 1);
  const TestContent content = Publish(folder_.Write("in/model", bytes));
  auto peer = PeerWithHalf(content);
  tracker_.Add(*content.manifest, {peer->info()});
  DownloadId id;
  {
    const auto agent = Start();
    Viewer viewer(*agent);
    id = agent->Add(Named("model"))->download.saved.id;
    viewer.Await([&] { return viewer.downloads[id].status.chunks_held == 20; });
    ASSERT_TRUE(agent->SetPaused({id}, true).ok());
  }
  peer.reset();
  tracker_.Remove(*content.manifest);
  const auto agent = Start();
  EXPECT_NE(agent->ManifestOf(id), nullptr);
  Viewer viewer(*agent);
  viewer.Await([&] { return viewer.downloads[id].status.paused; });
  viewer.Await([&] { return viewer.downloads[id].status.chunks_held == 20; });
  ASSERT_NE(agent->SourceOf(id), nullptr);
  EXPECT_TRUE(agent->SourceOf(id)->Holds(ChunkIndex(19)));
  EXPECT_EQ(agent->Details(id)->files[0].held_bytes, 20u * kChunk);
  // Its name means another content by now, and is looked up when it is resumed.
  const std::string other = RandomBytes(10 * kChunk, 2);
  Offer("model", other, "two");
  ASSERT_TRUE(agent->SetPaused({id}, false).ok());
  viewer.AwaitState(id, State::kComplete);
  EXPECT_TRUE(ReadAll(Out("model")) == other);
}

TEST_F(AgentTest, RemovesWithAndWithoutData) {
  Offer("keep", RandomBytes(kChunk, 1));
  Offer("drop", RandomBytes(kChunk, 2));
  const auto agent = Start();
  Viewer viewer(*agent);
  const DownloadId keep = agent->Add(Named("keep"))->download.saved.id;
  const DownloadId drop = agent->Add(Named("drop"))->download.saved.id;
  viewer.AwaitState(keep, State::kComplete);
  viewer.AwaitState(drop, State::kComplete);
  ASSERT_TRUE(agent->Remove({keep}, false).ok());
  ASSERT_TRUE(agent->Remove({drop}, true).ok());
  EXPECT_THAT(agent->List(), IsEmpty());
  viewer.Await([&] {
    return std::count_if(viewer.events.begin(), viewer.events.end(),
                         [](const AgentEvent& event) { return event.kind == "removed"; }) == 2;
  });
  EXPECT_THAT(viewer.downloads, IsEmpty());
  EXPECT_TRUE(std::filesystem::exists(Out("keep")));
  EXPECT_FALSE(std::filesystem::exists(Out("drop")));
}

TEST_F(AgentTest, RemovesAnUnfinishedDownloadWithItsData) {
  const TestContent content = Publish(folder_.Write("in/model", RandomBytes(40 * kChunk, 1)));
  auto half = std::make_shared<TestSource>(content.source);
  ChunkSet held(40);
  held.Insert(ChunkIndex(0));
  half->HoldOnly(held);
  TestPeer peer(content.manifest->id(), half);
  tracker_.Add(*content.manifest, {peer.info()});
  const auto agent = Start();
  Viewer viewer(*agent);
  const DownloadId id = agent->Add(Named("model"))->download.saved.id;
  viewer.Await([&] { return viewer.downloads[id].status.chunks_held == 1; });
  ASSERT_TRUE(agent->Remove({id}, true).ok());
  viewer.AwaitEvent("removed");
  EXPECT_TRUE(std::filesystem::is_empty(folder_.Path("out")));
}

TEST_F(AgentTest, VerifyFetchesWhatIsDamaged) {
  const std::string bytes = RandomBytes(10 * kChunk, 1);
  Offer("model", bytes);
  const auto agent = Start();
  Viewer viewer(*agent);
  const DownloadId id = agent->Add(Named("model"))->download.saved.id;
  viewer.AwaitState(id, State::kComplete);
  std::fstream(Out("model"), std::ios::in | std::ios::out | std::ios::binary).write("damage", 6);
  ASSERT_TRUE(agent->Verify({id}).ok());
  viewer.Await([&] {
    return std::count_if(viewer.events.begin(), viewer.events.end(),
                         [](const AgentEvent& event) { return event.kind == "complete"; }) == 2;
  });
  EXPECT_TRUE(ReadAll(Out("model")) == bytes);
}

TEST_F(AgentTest, ResumeFetchesWhatChangedWhileTheAgentWasDown) {
  const std::string bytes = RandomBytes(10 * kChunk, 1);
  Offer("changed", bytes);
  Offer("gone", bytes + "gone");
  DownloadId changed;
  DownloadId gone;
  {
    const auto agent = Start();
    Viewer viewer(*agent);
    changed = agent->Add(Named("changed"))->download.saved.id;
    gone = agent->Add(Named("gone"))->download.saved.id;
    viewer.AwaitState(changed, State::kComplete);
    viewer.AwaitState(gone, State::kComplete);
  }
  std::fstream(Out("changed"), std::ios::in | std::ios::out | std::ios::binary).write("damage", 6);
  std::filesystem::remove(Out("gone"));
  const auto agent = Start();
  Viewer viewer(*agent);
  viewer.AwaitState(changed, State::kFailed);
  viewer.AwaitState(gone, State::kFailed);
  ASSERT_TRUE(agent->SetPaused({changed, gone}, false).ok());
  viewer.AwaitState(changed, State::kComplete);
  viewer.AwaitState(gone, State::kComplete);
  EXPECT_TRUE(ReadAll(Out("changed")) == bytes);
  EXPECT_TRUE(ReadAll(Out("gone")) == bytes + "gone");
}

TEST_F(AgentTest, APausedDownloadWaits) {
  Offer("model", RandomBytes(10 * kChunk, 1));
  const auto agent = Start();
  Viewer viewer(*agent);
  Agent::Wanted wanted = Named("model");
  wanted.paused = true;
  const DownloadId id = agent->Add(wanted)->download.saved.id;
  viewer.Await([&] { return viewer.downloads[id].status.paused; });
  ASSERT_TRUE(agent->SetPaused({id}, false).ok());
  viewer.AwaitState(id, State::kComplete);
}

TEST_F(AgentTest, RefusesPrioritiesThatLeaveNothing) {
  folder_.Write("in/set/a.bin", RandomBytes(2 * kChunk, 1));
  folder_.Write("in/set/b.bin", RandomBytes(2 * kChunk, 2));
  const TestContent content = Publish(folder_.Path("in/set"));
  TestPeer peer(content.manifest->id(), content.source);
  tracker_.Add(*content.manifest, {peer.info()});
  const auto agent = Start();
  Viewer viewer(*agent);
  Agent::Wanted wanted = Named("set");
  wanted.selection.priorities = {{"a.bin", FilePriority::kSkip}};
  const DownloadId id = agent->Add(wanted)->download.saved.id;
  viewer.AwaitState(id, State::kComplete);
  const auto set = [&](const std::string& glob, FilePriority priority) {
    return agent->SetFilePriority(id, {{glob, priority}});
  };
  const absl::Status nothing = set("b.bin", FilePriority::kSkip);
  EXPECT_TRUE(absl::IsInvalidArgument(nothing));
  EXPECT_THAT(std::string(nothing.message()), HasSubstr("none of the 2 files of set"));
  EXPECT_TRUE(absl::IsInvalidArgument(set("*", FilePriority::kSkip)));
  EXPECT_TRUE(absl::IsInvalidArgument(set("nosuch", FilePriority::kHigh)));
  EXPECT_TRUE(absl::IsInvalidArgument(set("[", FilePriority::kHigh)));
  EXPECT_EQ(agent->Get(id)->saved.selection.priorities, wanted.selection.priorities);
  EXPECT_EQ(agent->Get(id)->state, State::kComplete);
  ASSERT_TRUE(set("a.bin", FilePriority::kNormal).ok());
  viewer.Await([&] { return std::filesystem::exists(Out("set/a.bin")); });
}

TEST_F(AgentTest, AFileThatIsWantedStartsADownloadThatWantedNone) {
  Offer("model", RandomBytes(2 * kChunk, 1));
  const auto agent = Start();
  Viewer viewer(*agent);
  Agent::Wanted wanted = Named("model");
  wanted.selection.priorities = {{"*", FilePriority::kSkip}};
  const DownloadId id = agent->Add(wanted)->download.saved.id;
  viewer.AwaitState(id, State::kFailed);
  EXPECT_NE(agent->ManifestOf(id), nullptr);
  ASSERT_TRUE(agent->SetFilePriority(id, {{"model", FilePriority::kNormal}}).ok());
  viewer.AwaitState(id, State::kComplete);
}

TEST_F(AgentTest, ADownloadHasALimitOfItsOwn) {
  Offer("slow", RandomBytes(40 * kChunk, 1));
  Offer("fast", RandomBytes(40 * kChunk, 2));
  DownloadId slow;
  {
    const auto agent = Start();
    Viewer viewer(*agent);
    Agent::Wanted wanted = Named("slow");
    wanted.limits.down_bytes_per_second = 0;  // nothing passes
    slow = agent->Add(wanted)->download.saved.id;
    const DownloadId fast = agent->Add(Named("fast"))->download.saved.id;
    viewer.AwaitState(fast, State::kComplete);
    EXPECT_NE(viewer.downloads[slow].state, State::kComplete);
    EXPECT_TRUE(absl::IsNotFound(agent->SetDownloadLimits({slow, DownloadId(77)}, {1, 1})));
  }
  const auto agent = Start();
  Viewer viewer(*agent);
  EXPECT_EQ(agent->Get(slow)->saved.limits.down_bytes_per_second, 0u);
  ASSERT_TRUE(agent->SetDownloadLimits({slow}, SavedLimits()).ok());
  viewer.AwaitState(slow, State::kComplete);
  EXPECT_EQ(agent->Get(slow)->saved.limits, SavedLimits());
}

TEST_F(AgentTest, FollowsANameFromVersionToVersion) {
  const std::string first = RandomBytes(10 * kChunk, 1);
  const std::string second = RandomBytes(12 * kChunk, 2);
  const TestContent old = Offer("model", first, "one");
  const auto agent = Start();
  Viewer viewer(*agent);
  ASSERT_TRUE(agent->Follow({"mod*", 1, ""}).ok());
  viewer.AwaitEvent("complete");
  EXPECT_TRUE(ReadAll(Out("model")) == first);
  tracker_.Remove(*old.manifest);
  const TestContent replaced = Offer("model", second, "two");
  viewer.AwaitEvent("removed");
  EXPECT_TRUE(ReadAll(Out("model")) == second);
  EXPECT_FALSE(std::filesystem::exists(VersionFolder(folder_.Path("out"), old.manifest->id())));
  ASSERT_THAT(viewer.downloads, SizeIs(1));
  EXPECT_EQ(viewer.downloads.begin()->second.saved.followed_glob, "mod*");
}

TEST_F(AgentTest, ARuleDoesNotBringBackWhatACommandRemoved) {
  Offer("model", RandomBytes(10 * kChunk, 1));
  const auto agent = Start();
  Viewer viewer(*agent);
  ASSERT_TRUE(agent->Follow({"mod*", 1, ""}).ok());
  viewer.AwaitEvent("complete");
  ASSERT_TRUE(agent->Remove({viewer.downloads.begin()->first}, true).ok());
  viewer.AwaitEvent("removed");
  // A later content under such a name comes, and the removed one had its chance before.
  Offer("modest", RandomBytes(10 * kChunk, 2));
  viewer.Await([&] {
    return viewer.downloads.size() == 1 && viewer.downloads.begin()->second.state == State::kComplete;
  });
  EXPECT_EQ(viewer.downloads.begin()->second.status.name, "modest");
}

TEST_F(AgentTest, AFileThatAnotherProgramPutInPlaceStays) {
  Offer("model", RandomBytes(10 * kChunk, 1));
  const auto agent = Start();
  Viewer viewer(*agent);
  const DownloadId id = agent->Add(Named("model"))->download.saved.id;
  viewer.AwaitState(id, State::kComplete);
  std::ofstream(Out("model"), std::ios::trunc) << "a person's own";
  ASSERT_TRUE(agent->Remove({id}, true).ok());
  viewer.AwaitEvent("removed");
  EXPECT_EQ(ReadAll(Out("model")), "a person's own");
  viewer.AwaitEvent("warning");
}

TEST_F(AgentTest, KeepsWithinItsDiskBudget) {
  Offer("first", RandomBytes(10 * kChunk, 1));
  Offer("second", RandomBytes(10 * kChunk, 2));
  Agent::Options options = Options();
  options.disk_budget_bytes = 25 * kChunk;
  const auto agent = Start(options);
  Viewer viewer(*agent);
  const DownloadId first = agent->Add(Named("first"))->download.saved.id;
  viewer.AwaitState(first, State::kComplete);
  const DownloadId second = agent->Add(Named("second"))->download.saved.id;
  viewer.AwaitState(second, State::kComplete);
  ASSERT_TRUE(agent->SetPinned({second}, true).ok());
  Offer("third", RandomBytes(10 * kChunk, 3));
  ASSERT_TRUE(agent->Follow({"third", 1, ""}).ok());
  viewer.AwaitEvent("removed");
  EXPECT_FALSE(std::filesystem::exists(Out("first")));
  viewer.Await([&] { return viewer.downloads.size() == 2 && viewer.totals.active == 0; });
  // Nothing more can go but the third.
  Offer("large", RandomBytes(20 * kChunk, 4));
  ASSERT_TRUE(agent->Follow({"large", 1, ""}).ok());
  viewer.AwaitEvent("no_room");
  EXPECT_TRUE(std::filesystem::exists(Out("second")));
  viewer.Await([&] { return viewer.totals.no_room == 1; });
  EXPECT_EQ(viewer.totals.failures, 0u);
  const DownloadId large = agent->Add(Named("large"))->download.saved.id;
  viewer.AwaitState(large, State::kFailed);
  viewer.Await([&] { return viewer.totals.failures == 1; });
  const auto count = [&](State state) { return viewer.totals.in_state[static_cast<size_t>(state)]; };
  EXPECT_EQ(count(State::kFailed), 1u);
  EXPECT_EQ(count(State::kComplete), 2u);
  EXPECT_EQ(viewer.totals.paused, 0u);
  EXPECT_EQ(viewer.totals.peers, 0u);
  EXPECT_GE(viewer.totals.received_bytes, 30 * kChunk);  // what was removed included
  ASSERT_TRUE(agent->Remove({large}, /*with_data=*/true).ok());
  Agent::Wanted paused = Named("first");
  paused.paused = true;
  ASSERT_TRUE(agent->Add(paused).ok());
  viewer.Await([&] { return viewer.totals.paused == 1 && viewer.totals.active == 0; });
}

TEST_F(AgentTest, WhatDoesNotFitIntoTheDiskBudgetIsNotBegun) {
  const TestContent large = Offer("large", RandomBytes(20 * kChunk, 1));
  const std::string small = RandomBytes(8 * kChunk, 2);
  Offer("small", small);
  const TestContent other = Offer("other", RandomBytes(2 * kChunk, 3));
  Agent::Options options = Options();
  options.disk_budget_bytes = 10 * kChunk;
  const auto agent = Start(options);
  Viewer viewer(*agent);
  Agent::Wanted by_file;
  by_file.manifest = large.manifest;
  const auto fails = [&](const Agent::Wanted& wanted) {
    const DownloadId id = agent->Add(wanted)->download.saved.id;
    const AgentDownload failed = viewer.AwaitState(id, State::kFailed);
    EXPECT_THAT(std::string(failed.failure.message()), HasSubstr("has no room for it"));
    EXPECT_NE(agent->ManifestOf(id), nullptr);
    EXPECT_FALSE(std::filesystem::exists(folder_.Path("out")) &&
                 !std::filesystem::is_empty(folder_.Path("out")));
    ASSERT_TRUE(agent->Remove({id}, /*with_data=*/false).ok());
    viewer.Await(
        [&] { return viewer.events.back().kind == "removed" && viewer.events.back().download == id; });
  };
  fails(Named("large"));
  fails(Named(large.manifest->id().ToHex()));
  fails(by_file);
  // It does not count, and a part of it may fit.
  const DownloadId failed = agent->Add(Named("large"))->download.saved.id;
  viewer.AwaitState(failed, State::kFailed);
  const DownloadId by_name = agent->Add(Named("small"))->download.saved.id;
  viewer.AwaitState(by_name, State::kComplete);
  const DownloadId by_id = agent->Add(Named(other.manifest->id().ToHex()))->download.saved.id;
  viewer.AwaitState(by_id, State::kComplete);
  EXPECT_TRUE(ReadAll(Out("small")) == small);
  ASSERT_TRUE(agent->SetPaused({failed}, false).ok());
  viewer.Await([&] { return viewer.totals.failures == 5; });
  EXPECT_TRUE(std::filesystem::exists(Out("small"))) << "nothing is removed for what does not fit anyway";
}

TEST_F(AgentTest, RunsWhatIsToBeRunOnComplete) {
  Offer("model", RandomBytes(kChunk, 1));
  Agent::Options options = Options();
  Mutex mutex;
  CondVar changed;
  std::vector<std::string> ran;
  options.on_complete = [&](const AgentDownload& download) {
    MutexLock lock(&mutex);
    ran.push_back(download.target_path);
    changed.NotifyAll();
    return absl::AbortedError("exit code 3");
  };
  const auto agent = Start(options);
  Viewer viewer(*agent);
  ASSERT_TRUE(agent->Add(Named("model")).ok());
  {
    MutexLock lock(&mutex);
    while (ran.empty()) changed.Wait(&mutex);
    EXPECT_THAT(ran, ElementsAre(Out("model")));
  }
  viewer.AwaitEvent("warning");
  EXPECT_THAT(viewer.events.back().text, HasSubstr("exit code 3"));
}

TEST_F(AgentTest, ASlowViewerGetsTheLatestState) {
  Offer("model", RandomBytes(kChunk, 1));
  const auto agent = Start();
  Viewer fast(*agent);
  Viewer slow(*agent);
  std::vector<DownloadId> ids;
  for (int i = 0; i < 50; ++i) {
    ids.push_back(agent->Add(Named("model"))->download.saved.id);
    fast.AwaitState(ids.back(), State::kComplete);
    ASSERT_TRUE(agent->Remove({ids.back()}, true).ok());
    fast.Await([&] { return !fast.downloads.contains(ids.back()); });
    fast.Await([&] { return fast.events.back().kind == "removed"; });
  }
  int takes = 0;
  slow.Await([&] { return ++takes > 0; });
  EXPECT_THAT(slow.downloads, IsEmpty());
  EXPECT_EQ(slow.snapshots, 1);
  EXPECT_THAT(slow.events, SizeIs(100));
}

TEST_F(AgentTest, OneStateFolderHasOneAgent) {
  const auto agent = Start();
  EXPECT_TRUE(absl::IsFailedPrecondition(Agent::Start(Options()).status()));
}

}  // namespace
}  // namespace shoal::leecher
