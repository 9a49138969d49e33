// What a RequestPlanner does for readers: the urgent chunks, beside those that are rarest.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <vector>

#include "clients/leecher/download/policy/request_planner.h"

namespace shoal::leecher {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr uint32_t kChunk = 512 * 1024;
constexpr uint64_t kMegabit = 1'000'000 / 8;
constexpr absl::Duration kStep = absl::Milliseconds(5);

// Peers that send what was requested, in order, each at a rate of its own, in virtual time.
class RequestPlannerReadingTest : public testing::Test, private RequestSink {
 protected:
  struct Peer {
    uint64_t bytes_per_second = 0;
    std::deque<ChunkIndex> queue;
    uint32_t sent_bytes = 0;  // of the first
    double due_bytes = 0;
  };

  void Start(uint32_t chunks) {
    RequestPlanner::Options options;
    options.chunk_bytes = kChunk;
    options.seed = 7;
    planner_ = std::make_unique<RequestPlanner>(ChunkSet(chunks), options);
    chunks_ = chunks;
  }
  void Join(uint32_t slot, uint64_t bytes_per_second, bool serves_any = false) {
    peers_[PeerSlot(slot)].bytes_per_second = bytes_per_second;
    planner_->PeerJoined(PeerSlot(slot), ChunkSet::All(chunks_), serves_any, /*on_probation=*/false, now_);
    Plan();
  }
  void Plan() { planner_->Plan(now_, *this); }
  void Step() {
    now_ += kStep;
    for (auto& [slot, peer] : peers_) {
      peer.due_bytes += static_cast<double>(peer.bytes_per_second) * absl::ToDoubleSeconds(kStep);
      while (!peer.queue.empty() && peer.due_bytes >= 1) Send(slot, peer);
      if (peer.queue.empty()) peer.due_bytes = 0;
    }
    Plan();
  }
  void Run(absl::Duration time) {
    for (const absl::Duration end = now_ + time; now_ < end;) Step();
  }
  // Runs until the chunk is held, and returns how long it took.
  absl::Duration Await(ChunkIndex chunk) {
    const absl::Duration began = now_;
    while (!held_.contains(chunk)) {
      Step();
      if (now_ - began > absl::Minutes(10)) {
        ADD_FAILURE() << "chunk " << chunk.value() << " does not come";
        break;
      }
    }
    return now_ - began;
  }
  uint64_t OwedBytes(PeerSlot slot) {
    return peers_[slot].queue.size() * uint64_t{kChunk} - peers_[slot].sent_bytes;
  }
  // Everything that was requested since, in order, by peer.
  std::map<PeerSlot, std::vector<ChunkIndex>> TakeRequested() { return std::exchange(requested_, {}); }
  DueChunk Now(uint32_t chunk) const { return {ChunkIndex(chunk), now_}; }

  absl::Duration now_ = absl::Seconds(100);
  uint32_t chunks_ = 0;
  std::unique_ptr<RequestPlanner> planner_;
  std::map<PeerSlot, Peer> peers_;
  std::set<ChunkIndex> held_;
  std::map<PeerSlot, std::vector<ChunkIndex>> requested_;
  std::map<PeerSlot, uint32_t> credits_;

 private:
  void Send(PeerSlot slot, Peer& peer) {
    const ChunkIndex chunk = peer.queue.front();
    const auto bytes = std::min(kChunk - peer.sent_bytes, static_cast<uint32_t>(peer.due_bytes));
    peer.due_bytes -= bytes;
    if (peer.sent_bytes == 0) planner_->ChunkBegan(slot, chunk, now_);
    planner_->Progress(slot, chunk, bytes, now_);
    peer.sent_bytes += bytes;
    if (peer.sent_bytes < kChunk) return;
    peer.sent_bytes = 0;
    peer.queue.pop_front();
    if (!planner_->Arrived(slot, chunk, now_)) return;
    planner_->Stored(chunk);
    held_.insert(chunk);
  }
  void Request(PeerSlot slot, std::span<const ChunkIndex> chunks) override {
    for (const ChunkIndex chunk : chunks) {
      peers_[slot].queue.push_back(chunk);
      requested_[slot].push_back(chunk);
    }
  }
  void RequestAny(PeerSlot slot, uint32_t chunks) override { credits_[slot] += chunks; }
  void Cancel(PeerSlot slot, std::span<const ChunkIndex> chunks) override {
    Peer& peer = peers_[slot];
    for (const ChunkIndex chunk : chunks) {
      const auto queued = std::find(peer.queue.begin(), peer.queue.end(), chunk);
      // One that is being sent is sent to its end.
      if (queued != peer.queue.end() && (queued != peer.queue.begin() || peer.sent_bytes == 0)) {
        peer.queue.erase(queued);
      }
    }
  }
};

TEST_F(RequestPlannerReadingTest, WhatIsUrgentIsRequestedFirstAndInOrder) {
  Start(1000);
  planner_->SetUrgent({Now(500), Now(501), Now(502)});
  Join(1, 100 * kMegabit);
  Run(absl::Seconds(1));
  const std::vector<ChunkIndex> requested = requested_[PeerSlot(1)];
  ASSERT_GT(requested.size(), 5u);
  EXPECT_EQ(requested[0], ChunkIndex(500));
  EXPECT_EQ(requested[1], ChunkIndex(501));
  EXPECT_EQ(requested[2], ChunkIndex(502));
}

TEST_F(RequestPlannerReadingTest, WhatIsUrgentIsRequestedByIndexAndTheRestOnCredit) {
  Start(1000);
  planner_->SetUrgent({Now(500)});
  Join(1, 100 * kMegabit, /*serves_any=*/true);
  EXPECT_THAT(requested_[PeerSlot(1)], ElementsAre(ChunkIndex(500)));
  Run(absl::Seconds(1));
  EXPECT_THAT(requested_[PeerSlot(1)], ElementsAre(ChunkIndex(500)));
  EXPECT_GT(credits_[PeerSlot(1)], 0u);
}

TEST_F(RequestPlannerReadingTest, AnUrgentChunkMayBeSkipped) {
  Start(10);
  planner_->SetPriority({ChunkIndex(0), 9}, FilePriority::kSkip);
  planner_->SetUrgent({Now(3), Now(4)});
  Join(1, 100 * kMegabit);
  Await(ChunkIndex(3));
  Await(ChunkIndex(4));
  Await(ChunkIndex(9));
  Run(absl::Seconds(1));
  EXPECT_EQ(held_.size(), 3u) << "and is no reason to fetch its file";
  EXPECT_TRUE(planner_->done());
}

TEST_F(RequestPlannerReadingTest, WhatNoPeerHoldsIsWaitedFor) {
  Start(10);
  planner_->SetUrgent({Now(3), DueChunk{ChunkIndex(70), now_}});
  peers_[PeerSlot(1)].bytes_per_second = 100 * kMegabit;
  planner_->PeerJoined(PeerSlot(1), ChunkSet(10), false, false, now_);
  Run(absl::Seconds(1));
  EXPECT_THAT(requested_, IsEmpty());
  ASSERT_TRUE(planner_->Gained(PeerSlot(1), {{ChunkIndex(0), 10}}).ok());
  Plan();
  EXPECT_THAT(requested_[PeerSlot(1)], ElementsAre(ChunkIndex(3)));
}

TEST_F(RequestPlannerReadingTest, NothingIsRequestedWhilePaused) {
  Start(10);
  planner_->SetPaused(true, now_);
  planner_->SetUrgent({Now(3)});
  Join(1, 100 * kMegabit);
  EXPECT_THAT(requested_, IsEmpty());
  planner_->SetPaused(false, now_);
  Plan();
  EXPECT_THAT(requested_[PeerSlot(1)], ElementsAre(ChunkIndex(3)));
}

TEST_F(RequestPlannerReadingTest, ASlowPeerIsNotAskedForWhatItWouldBringTooLate) {
  Start(4000);
  Join(1, 80 * kMegabit);
  Join(2, kMegabit);
  Run(absl::Seconds(10));
  for (uint32_t seek = 1; seek <= 10; ++seek) {
    TakeRequested();
    std::vector<DueChunk> window;
    for (uint32_t i = 0; i < 10; ++i) {
      window.push_back({ChunkIndex(seek * 300 + i), now_ + i * absl::Milliseconds(100)});
    }
    planner_->SetUrgent(window);
    Run(absl::Seconds(2));
    for (const ChunkIndex chunk : requested_[PeerSlot(2)]) {
      EXPECT_TRUE(chunk.value() < seek * 300 || chunk.value() >= seek * 300 + 10) << chunk.value();
    }
    for (const DueChunk& due : window) EXPECT_TRUE(held_.contains(due.chunk));
  }
}

TEST_F(RequestPlannerReadingTest, ASlowPeerIsAskedForWhatItWillBringInTime) {
  Start(100);
  Join(1, 80 * kMegabit);
  Join(2, 2 * kMegabit);
  Run(absl::Seconds(4));
  std::vector<DueChunk> window;
  for (uint32_t chunk = 0; chunk < 100; ++chunk)
    window.push_back({ChunkIndex(chunk), now_ + absl::Minutes(1)});
  planner_->SetUrgent(window);
  TakeRequested();
  Run(absl::Seconds(4));
  EXPECT_FALSE(requested_[PeerSlot(2)].empty());
}

TEST_F(RequestPlannerReadingTest, AnOverdueChunkIsRequestedFromASecondPeer) {
  Start(1000);
  Join(1, 20 * kMegabit);
  Run(absl::Seconds(3));
  Join(2, 20 * kMegabit);
  Run(absl::Seconds(3));
  // The first peer freezes with a chunk that a reader comes to need.
  peers_[PeerSlot(1)].bytes_per_second = 0;
  ASSERT_FALSE(peers_[PeerSlot(1)].queue.empty());
  const ChunkIndex stuck = peers_[PeerSlot(1)].queue.back();
  planner_->SetUrgent({Now(stuck.value())});
  EXPECT_LT(Await(stuck), absl::Seconds(4));
}

TEST_F(RequestPlannerReadingTest, AFrozenPeerThatSentNothingIsNotWaitedFor) {
  Start(1000);
  Join(1, 0);
  Join(2, 20 * kMegabit);
  planner_->SetUrgent({Now(0), Now(1), Now(2)});
  Await(ChunkIndex(1));
  Await(ChunkIndex(2));
  EXPECT_LT(Await(ChunkIndex(0)), absl::Seconds(4));
}

// Four equal peers, 20 seeks: the chunk at the new place is requested at once, from a peer with the least
// debt, and comes after that debt; what remains of the rates goes to the rarest chunks, as before.
TEST_F(RequestPlannerReadingTest, ASeekWaitsForNoMoreThanTheDebtOfOnePeer) {
  constexpr uint64_t kRate = 15 * kMegabit;
  Start(2000);
  for (uint32_t slot = 1; slot <= 4; ++slot) Join(slot, kRate);
  Run(absl::Seconds(5));
  std::mt19937 random(3);
  std::vector<absl::Duration> waits;
  for (int seek = 0; seek < 20; ++seek) {
    SCOPED_TRACE(seek);
    uint32_t at = 0;
    do {
      at = random() % 1900;
    } while (held_.contains(ChunkIndex(at)) || !planner_->picker().AskedOf(ChunkIndex(at)).empty());
    std::vector<DueChunk> window;
    for (uint32_t i = 0; i < 20; ++i) {  // 10 MiB at 40 Mbit/s
      window.push_back({ChunkIndex(at + i), now_ + i * absl::Milliseconds(105)});
    }
    uint64_t least_debt = UINT64_MAX;
    for (const auto& [slot, peer] : peers_) least_debt = std::min(least_debt, OwedBytes(slot));
    TakeRequested();
    planner_->SetUrgent(window);
    Plan();
    PeerSlot taker;
    for (const auto& [slot, chunks] : requested_) {
      if (std::find(chunks.begin(), chunks.end(), ChunkIndex(at)) == chunks.end()) continue;
      taker = slot;
      EXPECT_EQ(chunks.front(), ChunkIndex(at)) << "nothing goes before it";
    }
    ASSERT_NE(taker, PeerSlot(0)) << "it is requested at once";
    const absl::Duration wait = Await(ChunkIndex(at));
    waits.push_back(wait);
    // One more chunk's debt, since rates are measured and not known.
    const uint64_t bound_bytes = least_debt + 2 * uint64_t{kChunk};
    EXPECT_LE(wait, absl::Seconds(static_cast<double>(bound_bytes) / kRate) + 2 * kStep);

    // Playback: the rest comes in time, but for what was late from the beginning.
    for (uint32_t i = 0; i < 20; ++i) Await(ChunkIndex(at + i));
    EXPECT_LE(now_, window.back().due + absl::Seconds(1));
    // What is not urgent is requested in no order.
    TakeRequested();
    Run(absl::Seconds(1));
    std::vector<ChunkIndex> others;
    for (const auto& [slot, chunks] : requested_) others.insert(others.end(), chunks.begin(), chunks.end());
    ASSERT_GT(others.size(), 5u) << "no rate is left unused";
    EXPECT_FALSE(std::is_sorted(others.begin(), others.end()));
  }
  std::sort(waits.begin(), waits.end());
  EXPECT_LT(waits[10], absl::Milliseconds(1200)) << "two chunks at 15 Mbit/s take 560 ms";
}

TEST_F(RequestPlannerReadingTest, WhileItIsReadAllPeersTogetherOweLittle) {
  Start(4000);
  planner_->SetRead(true, now_);
  for (uint32_t slot = 1; slot <= 12; ++slot) Join(slot, 5 * kMegabit);
  EXPECT_EQ(planner_->owed(), 2u);
  planner_->SetRead(false, now_);
  Run(absl::Seconds(1));
  EXPECT_LE(planner_->owed(), 6u) << "a reader may come back, elsewhere";
  Run(absl::Seconds(2));
  EXPECT_GE(planner_->owed(), 12u);
}

// A plan must not leave a rate unused that many slow peers have together.
TEST_F(RequestPlannerReadingTest, SlowPeersAllSendWhileItIsRead) {
  Start(4000);
  for (uint32_t slot = 1; slot <= 12; ++slot) Join(slot, 5 * kMegabit);
  Run(absl::Seconds(5));
  planner_->SetRead(true, now_);
  Run(absl::Seconds(10));
  const size_t before = held_.size();
  Run(absl::Seconds(30));
  const auto brought = static_cast<double>(held_.size() - before);
  EXPECT_GT(brought * kChunk, 0.8 * 30 * 12 * 5 * kMegabit);
}

TEST_F(RequestPlannerReadingTest, ASeekTakesBackWhatHasNotBegun) {
  Start(4000);
  Join(1, 400 * kMegabit);
  Run(absl::Seconds(2));
  ASSERT_GT(peers_[PeerSlot(1)].queue.size(), 4u);
  uint32_t at = 0;
  while (!planner_->picker().AskedOf(ChunkIndex(at)).empty() || held_.contains(ChunkIndex(at))) ++at;
  planner_->SetUrgent({Now(at)});
  planner_->SetRead(true, now_);
  Plan();
  const std::deque<ChunkIndex>& queue = peers_[PeerSlot(1)].queue;
  EXPECT_LE(std::find(queue.begin(), queue.end(), ChunkIndex(at)) - queue.begin(), 1)
      << "only what has begun goes before it";
}

// What a peer sent a moment ago says nothing of a peer that has stopped.
TEST_F(RequestPlannerReadingTest, AnOverdueChunkThatDoesNotBeginIsRequestedFromAnIdlePeer) {
  Start(1000);
  planner_->SetRead(true, now_);
  for (uint32_t slot = 1; slot <= 6; ++slot) Join(slot, 20 * kMegabit);
  Run(absl::Seconds(5));
  uint32_t at = 0;
  while (held_.contains(ChunkIndex(at)) || !planner_->picker().AskedOf(ChunkIndex(at)).empty()) ++at;
  TakeRequested();
  planner_->SetUrgent({Now(at)});
  PeerSlot taker;
  while (taker == PeerSlot(0)) {
    Step();
    for (const auto& [slot, chunks] : requested_) {
      if (std::find(chunks.begin(), chunks.end(), ChunkIndex(at)) != chunks.end()) taker = slot;
    }
  }
  if (!held_.contains(ChunkIndex(at))) peers_[taker].bytes_per_second = 0;
  EXPECT_LT(Await(ChunkIndex(at)), absl::Milliseconds(1500));
}

TEST_F(RequestPlannerReadingTest, AnOverdueChunkWhoseEndDoesNotComeIsRequestedFromAnIdlePeer) {
  Start(1000);
  planner_->SetRead(true, now_);
  for (uint32_t slot = 1; slot <= 6; ++slot) Join(slot, 20 * kMegabit);
  Run(absl::Seconds(5));
  uint32_t at = 0;
  while (held_.contains(ChunkIndex(at)) || !planner_->picker().AskedOf(ChunkIndex(at)).empty()) ++at;
  planner_->SetUrgent({Now(at)});
  Plan();
  ASSERT_EQ(planner_->picker().AskedOf(ChunkIndex(at)).size(), 1u);
  const PeerSlot taker = planner_->picker().AskedOf(ChunkIndex(at))[0];
  Peer& peer = peers_[taker];
  while (peer.queue.front() != ChunkIndex(at) || peer.sent_bytes < kChunk - kChunk / 8) Step();
  peer.bytes_per_second = 0;
  EXPECT_LT(Await(ChunkIndex(at)), absl::Milliseconds(800));
}

TEST_F(RequestPlannerReadingTest, TheRestIsRarestFirst) {
  Start(100);
  // A peer holds the first 50, so the others are rarer.
  ChunkSet widespread(100);
  for (uint32_t chunk = 0; chunk < 50; ++chunk) widespread.Insert(ChunkIndex(chunk));
  planner_->PeerJoined(PeerSlot(9), widespread, false, false, now_);
  peers_[PeerSlot(9)].bytes_per_second = 0;
  planner_->SetUrgent({Now(10)});
  Join(1, 100 * kMegabit);
  Run(absl::Seconds(1));
  const std::vector<ChunkIndex> requested = requested_[PeerSlot(1)];
  ASSERT_GE(requested.size(), 10u);
  for (size_t i = 1; i < 10; ++i) {
    EXPECT_TRUE(requested[i].value() >= 50 || requested[i] == ChunkIndex(10)) << requested[i].value();
  }
}

}  // namespace
}  // namespace shoal::leecher
