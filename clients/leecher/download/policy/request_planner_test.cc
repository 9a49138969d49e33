#include "clients/leecher/download/policy/request_planner.h"

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace shoal::leecher {
namespace {

constexpr uint32_t kChunk = 256 * 1024;
constexpr PeerSlot kA{1};
constexpr PeerSlot kB{2};
constexpr PeerSlot kC{3};

ChunkSet SetOf(uint32_t size, std::initializer_list<uint32_t> chunks) {
  ChunkSet set(size);
  for (const uint32_t chunk : chunks) set.Insert(ChunkIndex(chunk));
  return set;
}

// A planner, and what it has said since the last look.
class RequestPlannerTest : public testing::Test, private RequestSink {
 protected:
  void Start(const ChunkSet& held) {
    RequestPlanner::Options options;
    options.chunk_bytes = length_bytes_;
    options.length_bytes = [this](ChunkIndex) { return length_bytes_; };
    options.seed = 7;
    planner_ = std::make_unique<RequestPlanner>(held, options);
  }
  void Join(PeerSlot peer, const ChunkSet& held, bool serves_any = false, bool on_probation = false) {
    planner_->PeerJoined(peer, held, serves_any, on_probation, now_);
  }
  void Plan() {
    requested_.clear();
    cancelled_.clear();
    credits_.clear();
    planner_->Plan(now_, *this);
  }
  void PlanAfter(absl::Duration time) {
    now_ += time;
    Plan();
  }
  // All of a chunk comes, in `takes`.
  void Bring(PeerSlot peer, ChunkIndex chunk, absl::Duration takes = absl::Milliseconds(100)) {
    now_ += takes;
    ASSERT_TRUE(planner_->ChunkBegan(peer, chunk, now_));
    planner_->Progress(peer, chunk, length_bytes_, now_);
    ASSERT_TRUE(planner_->Arrived(peer, chunk, now_));
    planner_->Stored(chunk);
  }
  ChunkIndex Only(const std::map<PeerSlot, std::vector<ChunkIndex>>& said, PeerSlot peer) {
    const auto found = said.find(peer);
    if (said.size() == 1 && found != said.end() && found->second.size() == 1) return found->second[0];
    ADD_FAILURE() << "not one chunk of that peer alone";
    return ChunkIndex(UINT32_MAX);
  }

  absl::Duration now_ = absl::Seconds(100);
  uint32_t length_bytes_ = kChunk;
  std::unique_ptr<RequestPlanner> planner_;
  std::map<PeerSlot, std::vector<ChunkIndex>> requested_;
  std::map<PeerSlot, std::vector<ChunkIndex>> cancelled_;
  std::map<PeerSlot, uint32_t> credits_;

 private:
  void Request(PeerSlot peer, std::span<const ChunkIndex> chunks) override {
    requested_[peer].insert(requested_[peer].end(), chunks.begin(), chunks.end());
  }
  void RequestAny(PeerSlot peer, uint32_t chunks) override { credits_[peer] += chunks; }
  void Cancel(PeerSlot peer, std::span<const ChunkIndex> chunks) override {
    cancelled_[peer].insert(cancelled_[peer].end(), chunks.begin(), chunks.end());
  }
};

TEST_F(RequestPlannerTest, AsksEqualPeersEqually) {
  Start(ChunkSet(100));
  for (const PeerSlot peer : {kA, kB, kC}) Join(peer, ChunkSet::All(100));
  Plan();
  std::set<ChunkIndex> all;
  for (const PeerSlot peer : {kA, kB, kC}) {
    EXPECT_EQ(requested_[peer].size(), requested_[kA].size());
    all.insert(requested_[peer].begin(), requested_[peer].end());
  }
  EXPECT_EQ(all.size(), 3 * requested_[kA].size()) << "a chunk is asked of one peer";
  Plan();
  EXPECT_TRUE(requested_.empty()) << "the windows are full";
}

TEST_F(RequestPlannerTest, AsksForTheNextBeforeTheLastIsHere) {
  Start(ChunkSet(100));
  Join(kA, ChunkSet::All(100));
  Plan();
  const ChunkIndex first = Only(requested_, kA);
  now_ += absl::Milliseconds(10);
  ASSERT_TRUE(planner_->ChunkBegan(kA, first, now_));
  planner_->Progress(kA, first, kChunk / 8 * 7, now_);
  Plan();
  EXPECT_FALSE(requested_[kA].empty());
}

TEST_F(RequestPlannerTest, FillsAWindowOfSmallChunksInOneMessage) {
  length_bytes_ = kChunk / 64;
  Start(ChunkSet(1000));
  Join(kA, ChunkSet::All(1000));
  Plan();
  EXPECT_EQ(requested_[kA].size(), 64u);
  Bring(kA, requested_[kA][0]);
  Plan();
  EXPECT_TRUE(requested_.empty()) << "one small chunk is not worth a message";
}

TEST_F(RequestPlannerTest, AsksNoPeerForMoreThanAServerTakes) {
  length_bytes_ = 1;
  Start(ChunkSet(20000));
  Join(kA, ChunkSet::All(20000));
  Join(kB, ChunkSet::All(20000), /*serves_any=*/true);
  Plan();
  EXPECT_EQ(requested_[kA].size(), 4096u);
  EXPECT_EQ(credits_[kB], 4096u);
  EXPECT_EQ(planner_->owed(), 2 * 4096u);
}

// --- Credits

TEST_F(RequestPlannerTest, GivesAWindowOfCreditsForSmallChunks) {
  length_bytes_ = kChunk / 64;
  Start(ChunkSet(1000));
  Join(kA, ChunkSet::All(1000), /*serves_any=*/true);
  Plan();
  EXPECT_EQ(credits_[kA], 64u);
}

TEST_F(RequestPlannerTest, GivesCreditsToAPeerThatServesAny) {
  Start(ChunkSet(100));
  Join(kA, ChunkSet::All(100), /*serves_any=*/true);
  Plan();
  EXPECT_TRUE(requested_.empty());
  EXPECT_EQ(credits_[kA], 1u);
  Bring(kA, ChunkIndex(42));
  Plan();
  EXPECT_GE(credits_[kA], 1u) << "a used credit is replaced";
  EXPECT_EQ(planner_->held(), 1u);
}

TEST_F(RequestPlannerTest, AChunkOnCreditIsNotAskedOfOthers) {
  Start(ChunkSet(2));
  Join(kA, ChunkSet::All(2), /*serves_any=*/true);
  Plan();
  ASSERT_TRUE(planner_->ChunkBegan(kA, ChunkIndex(0), now_));
  Join(kB, SetOf(2, {0, 1}));
  Plan();
  EXPECT_EQ(Only(requested_, kB), ChunkIndex(1));
}

TEST_F(RequestPlannerTest, AsksByNameWhenNothingIsFresh) {
  Start(ChunkSet(100));
  Join(kA, ChunkSet::All(100), /*serves_any=*/true);
  Plan();
  planner_->NothingFresh(kA, now_);
  EXPECT_FALSE(planner_->Owes(kA)) << "its credits are void";
  Plan();
  EXPECT_TRUE(credits_.empty());
  EXPECT_EQ(requested_[kA].size(), 1u);
}

struct NamesCase {
  const char* what;
  void (*wish)(RequestPlanner& planner);
  std::set<uint32_t> may_be_first;
};

TEST_F(RequestPlannerTest, AsksByNameWhenNamesMatter) {
  const NamesCase cases[] = {
      {"sequential", [](RequestPlanner& planner) { planner.SetSequential(true); }, {0}},
      {"priority",
       [](RequestPlanner& planner) { planner.SetPriority({ChunkIndex(5), 1}, FilePriority::kHigh); },
       {5}},
      {"selection",
       [](RequestPlanner& planner) { planner.SetPriority({ChunkIndex(0), 8}, FilePriority::kSkip); },
       {8, 9}},
  };
  for (const NamesCase& test : cases) {
    SCOPED_TRACE(test.what);
    Start(ChunkSet(10));
    test.wish(*planner_);
    Join(kA, ChunkSet::All(10), /*serves_any=*/true);
    Plan();
    EXPECT_TRUE(credits_.empty());
    EXPECT_TRUE(test.may_be_first.contains(Only(requested_, kA).value()));
  }
}

// --- The same chunk of two peers

TEST_F(RequestPlannerTest, StealsFromABusyPeerAndCancelsAtTheFirstByte) {
  Start(ChunkSet(2));
  Join(kA, ChunkSet::All(2));
  Plan();
  const ChunkIndex chunk = Only(requested_, kA);
  Join(kB, SetOf(2, {chunk.value()}));
  Plan();
  EXPECT_TRUE(requested_.empty()) << "the first was asked only just now";
  PlanAfter(absl::Milliseconds(600));
  EXPECT_EQ(Only(requested_, kB), chunk);

  ASSERT_TRUE(planner_->ChunkBegan(kB, chunk, now_));
  Plan();
  EXPECT_EQ(Only(cancelled_, kA), chunk);
  planner_->Progress(kB, chunk, kChunk, now_);
  EXPECT_TRUE(planner_->Arrived(kB, chunk, now_));
}

TEST_F(RequestPlannerTest, ThePeerThatBeganKeepsTheChunkUntilTheFirstArrival) {
  Start(ChunkSet(1));
  Join(kA, ChunkSet::All(1));
  Join(kB, ChunkSet::All(1));
  Plan();
  const PeerSlot first = requested_.begin()->first;
  const PeerSlot second = first == kA ? kB : kA;
  PlanAfter(absl::Milliseconds(600));
  ASSERT_EQ(requested_[second].size(), 1u);
  ASSERT_TRUE(planner_->ChunkBegan(first, ChunkIndex(0), now_));
  ASSERT_TRUE(planner_->ChunkBegan(second, ChunkIndex(0), now_)) << "called back too late";
  Plan();
  EXPECT_EQ(cancelled_[second].size(), 1u);
  EXPECT_TRUE(planner_->Arrived(second, ChunkIndex(0), now_));
  EXPECT_FALSE(planner_->Arrived(first, ChunkIndex(0), now_)) << "too late";
  planner_->Stored(ChunkIndex(0));
  EXPECT_TRUE(planner_->done());
}

TEST_F(RequestPlannerTest, CopiesWhatAFrozenPeerHasBegun) {
  Start(ChunkSet(3));
  Join(kA, ChunkSet::All(3));
  Plan();
  const ChunkIndex stuck = Only(requested_, kA);
  ASSERT_TRUE(planner_->ChunkBegan(kA, stuck, now_));
  planner_->Progress(kA, stuck, 1000, now_);
  Join(kB, ChunkSet::All(3));
  std::set<ChunkIndex> asked;
  for (int i = 0; i < 100 && asked.size() < 3; ++i) {
    PlanAfter(absl::Milliseconds(100));
    const std::vector<ChunkIndex> of_b = requested_[kB];
    for (const ChunkIndex chunk : of_b) {
      asked.insert(chunk);
      Bring(kB, chunk);
    }
  }
  EXPECT_TRUE(asked.contains(stuck));
  EXPECT_TRUE(planner_->done());
}

TEST_F(RequestPlannerTest, DoesNotCopyWhileThePeerHasSomethingElseToBring) {
  Start(ChunkSet(100));
  Join(kA, ChunkSet::All(100));
  Plan();
  const ChunkIndex stuck = Only(requested_, kA);
  ASSERT_TRUE(planner_->ChunkBegan(kA, stuck, now_));
  Join(kB, ChunkSet::All(100));
  std::deque<ChunkIndex> owed;
  while (planner_->wanted() > 0) {
    PlanAfter(absl::Milliseconds(10));
    for (const ChunkIndex chunk : requested_[kB]) {
      owed.push_back(chunk);
      EXPECT_TRUE(chunk != stuck || planner_->wanted() == 0);
    }
    ASSERT_FALSE(owed.empty());
    // A window has any amount of room at some time.
    ASSERT_TRUE(planner_->ChunkBegan(kB, owed.front(), now_));
    for (int i = 0; i < 32; ++i) {
      planner_->Progress(kB, owed.front(), kChunk / 32, now_ += absl::Milliseconds(3));
      Plan();
      for (const ChunkIndex chunk : requested_[kB]) {
        owed.push_back(chunk);
        EXPECT_TRUE(chunk != stuck || planner_->wanted() == 0);
      }
    }
    ASSERT_TRUE(planner_->Arrived(kB, owed.front(), now_));
    planner_->Stored(owed.front());
    owed.pop_front();
  }
}

// It can't be called back, so that a copy would take the place of another chunk.
TEST_F(RequestPlannerTest, DoesNotCopyWhatHasBegunBeforeTheEnd) {
  Start(ChunkSet(100));
  Join(kA, ChunkSet::All(100));
  Plan();
  const ChunkIndex begun = Only(requested_, kA);
  ASSERT_TRUE(planner_->ChunkBegan(kA, begun, now_));
  planner_->Progress(kA, begun, 1000, now_);
  Join(kB, SetOf(100, {begun.value()}));
  for (int i = 0; i < 10; ++i) {
    PlanAfter(absl::Milliseconds(100));
    EXPECT_FALSE(requested_.contains(kB)) << i;
  }
  EXPECT_GT(planner_->wanted(), 0u);
}

TEST_F(RequestPlannerTest, DoesNotCopyFromAPeerThatIsAsQuick) {
  Start(ChunkSet(4));
  Join(kA, ChunkSet::All(4));
  Join(kB, ChunkSet::All(4));
  std::map<PeerSlot, int> brought;
  for (int round = 0; round < 2; ++round) {
    Plan();
    const auto asked = requested_;
    for (const auto& [peer, chunks] : asked) {
      for (const ChunkIndex chunk : chunks) {
        Bring(peer, chunk, absl::Milliseconds(50));
        ++brought[peer];
      }
    }
  }
  EXPECT_EQ(brought[kA], 2);
  EXPECT_EQ(brought[kB], 2);
  EXPECT_TRUE(cancelled_.empty());
}

TEST_F(RequestPlannerTest, PausesBetweenLooksAtThousandsOfLateChunks) {
  length_bytes_ = kChunk / 2048;
  Start(ChunkSet(2000));
  Join(kA, ChunkSet::All(2000));
  Plan();
  ASSERT_EQ(requested_[kA].size(), 2000u);
  Join(kB, ChunkSet::All(2000));
  PlanAfter(absl::Milliseconds(600));
  EXPECT_EQ(requested_[kB].size(), 1u);
  Join(kC, ChunkSet::All(2000));
  PlanAfter(absl::Milliseconds(1));
  EXPECT_TRUE(requested_.empty());
  PlanAfter(absl::Milliseconds(10));
  EXPECT_EQ(requested_[kC].size(), 1u);
}

// --- What goes wrong

TEST_F(RequestPlannerTest, AsksOthersForWhatIsRefused) {
  Start(ChunkSet(1));
  Join(kA, ChunkSet::All(1));
  Plan();
  planner_->Refused(kA, {{ChunkIndex(0), 1}}, /*never_held=*/true);
  Plan();
  EXPECT_TRUE(requested_.empty()) << "it said that it can't";
  Join(kB, ChunkSet::All(1));
  Plan();
  EXPECT_EQ(Only(requested_, kB), ChunkIndex(0));
}

TEST_F(RequestPlannerTest, AsksAgainForWhatWasTooMuch) {
  Start(ChunkSet(1));
  Join(kA, ChunkSet::All(1));
  Plan();
  planner_->Refused(kA, {{ChunkIndex(0), 1}}, /*never_held=*/false);
  EXPECT_EQ(planner_->wanted(), 1u);
  Plan();
  EXPECT_EQ(Only(requested_, kA), ChunkIndex(0));
}

TEST_F(RequestPlannerTest, AsksOthersForWhatIsWrong) {
  Start(ChunkSet(2));
  Join(kA, ChunkSet::All(2));
  Plan();
  const ChunkIndex chunk = Only(requested_, kA);
  ASSERT_TRUE(planner_->ChunkBegan(kA, chunk, now_));
  ASSERT_TRUE(planner_->Arrived(kA, chunk, now_));
  planner_->PeerLeft(kA);
  planner_->Rejected(chunk);
  Join(kB, SetOf(2, {chunk.value()}));
  Plan();
  EXPECT_EQ(Only(requested_, kB), chunk);
}

TEST_F(RequestPlannerTest, ChunksOfAPeerThatLeftAreWantedAgain) {
  Start(ChunkSet(3));
  Join(kA, ChunkSet::All(3));
  Plan();
  const ChunkIndex chunk = Only(requested_, kA);
  EXPECT_EQ(planner_->PeerLeft(kA), 1u);
  Join(kB, SetOf(3, {chunk.value()}));
  Plan();
  EXPECT_EQ(Only(requested_, kB), chunk);
}

TEST_F(RequestPlannerTest, NamesTheFrozenPeers) {
  Start(ChunkSet(100));
  Join(kA, ChunkSet::All(100));
  Join(kB, ChunkSet::All(100));
  Plan();
  Bring(kA, requested_[kA][0], absl::Milliseconds(10));
  Plan();
  EXPECT_TRUE(planner_->Frozen(now_).empty());
  now_ += absl::Seconds(3);
  EXPECT_EQ(planner_->Frozen(now_), (std::vector<PeerSlot>{kA})) << "its chunks came much faster";
  planner_->SetBlocked(kA, true, now_);
  EXPECT_TRUE(planner_->Frozen(now_).empty()) << "it is not its fault";
  planner_->SetBlocked(kA, false, now_);
  EXPECT_TRUE(planner_->Frozen(now_).empty());
  planner_->ExcuseAll(now_ += absl::Hours(1));
  EXPECT_TRUE(planner_->Frozen(now_).empty());
}

TEST_F(RequestPlannerTest, APeerWithNothingToGiveIsUseless) {
  Start(ChunkSet(100));
  Join(kA, ChunkSet::All(100));
  Join(kB, ChunkSet(100));
  Plan();
  EXPECT_FALSE(planner_->Useless(now_ + absl::Seconds(1)).has_value());
  EXPECT_EQ(planner_->Useless(now_ + absl::Seconds(11)), kB);
}

TEST_F(RequestPlannerTest, AFarSlowerPeerIsUseless) {
  Start(ChunkSet(100'000));
  for (const PeerSlot peer : {kA, kB, kC}) Join(peer, ChunkSet::All(100'000));
  std::map<PeerSlot, std::deque<ChunkIndex>> owed;
  for (int i = 0; i < 1000; ++i) {
    PlanAfter(absl::Milliseconds(25));
    for (const auto& [peer, chunks] : requested_)
      owed[peer].insert(owed[peer].end(), chunks.begin(), chunks.end());
    for (auto& [peer, chunks] : owed) {
      if (chunks.empty() || (peer == kC && i % 100 != 99)) continue;
      const ChunkIndex chunk = chunks.front();
      chunks.pop_front();
      if (!planner_->ChunkBegan(peer, chunk, now_)) continue;
      planner_->Progress(peer, chunk, kChunk, now_);
      if (planner_->Arrived(peer, chunk, now_)) planner_->Stored(chunk);
    }
  }
  Plan();
  EXPECT_EQ(planner_->Useless(now_), kC);
}

// --- Wishes

TEST_F(RequestPlannerTest, AsksNothingWhilePaused) {
  Start(ChunkSet(10));
  planner_->SetPaused(true, now_);
  Join(kA, ChunkSet::All(10));
  Plan();
  EXPECT_TRUE(requested_.empty());
  EXPECT_FALSE(planner_->Useless(now_ + absl::Hours(1)).has_value());
  planner_->SetPaused(false, now_ += absl::Hours(1));
  Plan();
  EXPECT_EQ(requested_[kA].size(), 1u);
  planner_->SetPaused(true, now_);
  Bring(kA, requested_[kA][0]);
  EXPECT_EQ(planner_->held(), 1u) << "what is under way may come";
}

TEST_F(RequestPlannerTest, IsDoneWithoutWhatIsSkipped) {
  Start(ChunkSet(4));
  planner_->SetPriority({ChunkIndex(1), 3}, FilePriority::kSkip);
  Join(kA, ChunkSet::All(4));
  Plan();
  Bring(kA, Only(requested_, kA));
  EXPECT_TRUE(planner_->done());
  Plan();
  EXPECT_TRUE(requested_.empty());
  planner_->SetPriority({ChunkIndex(2), 1}, FilePriority::kLow);
  EXPECT_FALSE(planner_->done());
  Plan();
  EXPECT_EQ(Only(requested_, kA), ChunkIndex(2));
}

struct Taker {
  int credit = 0;
  int got = 0;
};

void Deal(RequestRotation& rotation, std::vector<Taker>& takers, int requests) {
  rotation.Deal(std::span<Taker>(takers), [&](Taker& taker) {
    if (taker.got >= taker.credit || requests == 0) return false;
    --requests;
    ++taker.got;
    return true;
  });
}

TEST(RequestRotation, GivesEqualSharesToEquals) {
  RequestRotation rotation;
  std::vector<Taker> takers{{100}, {100}, {100}};
  Deal(rotation, takers, 30);
  for (const Taker& taker : takers) EXPECT_EQ(taker.got, 10);
}

TEST(RequestRotation, GoesOnWhereItLeftOff) {
  RequestRotation rotation;
  std::vector<Taker> takers{{100}, {100}, {100}};
  for (int i = 0; i < 30; ++i) Deal(rotation, takers, 1);
  for (const Taker& taker : takers) EXPECT_EQ(taker.got, 10);
}

TEST(RequestRotation, GivesWhatOneCanNotTakeToTheOthers) {
  RequestRotation rotation;
  std::vector<Taker> takers{{2}, {100}, {0}};
  Deal(rotation, takers, 12);
  EXPECT_EQ(takers[0].got, 2);
  EXPECT_EQ(takers[1].got, 10);
  EXPECT_EQ(takers[2].got, 0);
}

TEST(RequestRotation, EndsWithoutTakers) {
  RequestRotation rotation;
  std::vector<Taker> none;
  Deal(rotation, none, 5);
  std::vector<Taker> without_credit{{0}, {0}};
  Deal(rotation, without_credit, 5);
  EXPECT_EQ(without_credit[0].got, 0);
}

}  // namespace
}  // namespace shoal::leecher
