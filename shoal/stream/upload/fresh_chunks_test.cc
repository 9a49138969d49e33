#include "shoal/stream/upload/fresh_chunks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace shoal::stream {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

std::vector<uint32_t> TakeAll(FreshChunks& fresh, FreshPeer peer) {
  std::vector<uint32_t> taken;
  while (const auto index = fresh.Take(peer)) taken.push_back(index->value());
  return taken;
}

TEST(FreshChunksTest, GivesEachChunkOnce) {
  FreshChunks fresh(10, 1);
  const FreshPeer a = fresh.Join();
  const FreshPeer b = fresh.Join();
  std::set<uint32_t> taken;
  for (int i = 0; i < 5; ++i) {
    taken.insert(fresh.Take(a)->value());
    taken.insert(fresh.Take(b)->value());
  }
  EXPECT_EQ(taken.size(), 10);
  EXPECT_EQ(fresh.fresh_count(), 0);
  EXPECT_EQ(fresh.Take(a), std::nullopt);
}

TEST(FreshChunksTest, TiesAreBrokenByTheSeed) {
  const auto order = [](uint64_t seed) {
    FreshChunks fresh(50, seed);
    return TakeAll(fresh, fresh.Join());
  };
  EXPECT_EQ(order(1), order(1));
  EXPECT_NE(order(1), order(2));
}

TEST(FreshChunksTest, SmallChunksComeInRuns) {
  FreshChunks fresh(10, 3, /*run_chunks=*/4);
  const std::vector<uint32_t> taken = TakeAll(fresh, fresh.Join());
  ASSERT_EQ(taken.size(), 10);
  for (size_t i = 1; i < taken.size(); ++i) {
    if (taken[i] % 4 != 0) {
      EXPECT_EQ(taken[i], taken[i - 1] + 1);
    }
  }
}

TEST(FreshChunksTest, ARunContinuesWhileOthersTake) {
  FreshChunks fresh(1000, 3, /*run_chunks=*/10);
  const FreshPeer a = fresh.Join();
  const FreshPeer b = fresh.Join();
  uint32_t last = UINT32_MAX - 1;
  int followed = 0;
  for (int i = 0; i < 100; ++i) {
    const uint32_t taken = fresh.Take(a)->value();
    if (taken == last + 1) ++followed;
    last = taken;
    fresh.Take(b);
  }
  // All but the first of each ten, except where the other peer was given a chunk of the run.
  EXPECT_GE(followed, 80);
}

TEST(FreshChunksTest, ARunEndsAtAChunkThatIsNotFresh) {
  FreshChunks fresh(4, 3, /*run_chunks=*/4);
  const FreshPeer peer = fresh.Join();
  fresh.Sent(peer, ChunkIndex(2));
  EXPECT_THAT(TakeAll(fresh, peer), ElementsAre(0, 1, 3));
}

enum class Does { kJoins, kHolds, kTakes, kIsSent, kGivesBack, kLeaves };
struct Step {
  size_t peer;
  Does does;
  uint32_t chunk = 0;
};
struct Case {
  const char* name;
  std::vector<Step> steps;
  std::vector<uint32_t> fresh;  // at the end, of the chunks 0, 1 and 2
};

class FreshAfterTest : public ::testing::TestWithParam<Case> {};

TEST_P(FreshAfterTest, ChunksThatNoPeerHoldsOrWasGiven) {
  FreshChunks fresh(3, 1);
  std::vector<FreshPeer> peers;
  for (const Step& step : GetParam().steps) {
    const ChunkIndex chunk(step.chunk);
    switch (step.does) {
      case Does::kJoins:
        peers.push_back(fresh.Join());
        break;
      case Does::kHolds:
        ASSERT_TRUE(fresh.Holds(peers[step.peer], {{chunk, 1}}).ok());
        break;
      case Does::kTakes:
        ASSERT_TRUE(fresh.Take(peers[step.peer]).has_value());
        break;
      case Does::kIsSent:
        fresh.Sent(peers[step.peer], chunk);
        break;
      case Does::kGivesBack:
        fresh.GiveBack(peers[step.peer], chunk);
        break;
      case Does::kLeaves:
        fresh.Leave(peers[step.peer]);
        break;
    }
  }
  const FreshPeer last = fresh.Join();
  EXPECT_EQ(fresh.fresh_count(), GetParam().fresh.size());
  EXPECT_THAT(TakeAll(fresh, last), ::testing::UnorderedElementsAreArray(GetParam().fresh));
}

INSTANTIATE_TEST_SUITE_P(
    Cases, FreshAfterTest,
    ::testing::Values(
        Case{"AtFirst", {}, {0, 1, 2}},
        Case{"AskedByName", {{0, Does::kJoins}, {0, Does::kIsSent, 1}}, {0, 2}},
        Case{"Held", {{0, Does::kJoins}, {0, Does::kHolds, 2}}, {0, 1}},
        Case{"HeldByOneWhoLeft", {{0, Does::kJoins}, {0, Does::kHolds, 2}, {0, Does::kLeaves}}, {0, 1, 2}},
        Case{"HeldByAnotherToo",
             {{0, Does::kJoins},
              {1, Does::kJoins},
              {0, Does::kHolds, 2},
              {1, Does::kIsSent, 2},
              {0, Does::kLeaves}},
             {0, 1}},
        Case{"SentToOneWhoLeft", {{0, Does::kJoins}, {0, Does::kIsSent, 1}, {0, Does::kLeaves}}, {0, 1, 2}},
        Case{"ToldTwice",
             {{0, Does::kJoins}, {0, Does::kIsSent, 1}, {0, Does::kHolds, 1}, {0, Does::kLeaves}},
             {0, 1, 2}},
        Case{"TakenByOneWhoLeft",
             {{0, Does::kJoins}, {0, Does::kTakes}, {0, Does::kTakes}, {0, Does::kLeaves}},
             {0, 1, 2}},
        Case{"GivenBack",
             {{0, Does::kJoins}, {0, Does::kHolds, 0}, {0, Does::kIsSent, 2}, {0, Does::kGivesBack, 2}},
             {1, 2}},
        Case{"GivenBackWithoutHavingIt", {{0, Does::kJoins}, {0, Does::kGivesBack, 2}}, {0, 1, 2}},
        Case{"SaidAfterLeaving",
             {{0, Does::kJoins}, {0, Does::kLeaves}, {0, Does::kHolds, 1}, {0, Does::kIsSent, 2}},
             {0, 1, 2}}),
    [](const auto& test) { return test.param.name; });

TEST(FreshChunksTest, ChunksSentLessOftenGoFirst) {
  FreshChunks fresh(4, 7);
  const FreshPeer first = fresh.Join();
  fresh.Sent(first, ChunkIndex(0));
  fresh.Sent(first, ChunkIndex(0));
  fresh.Sent(first, ChunkIndex(3));
  fresh.Leave(first);
  const std::vector<uint32_t> taken = TakeAll(fresh, fresh.Join());
  ASSERT_EQ(taken.size(), 4);
  EXPECT_THAT(std::vector(taken.begin(), taken.begin() + 2), UnorderedElementsAre(1, 2));
  EXPECT_THAT(std::vector(taken.begin() + 2, taken.end()), ElementsAre(3, 0));
}

TEST(FreshChunksTest, ChunksPastTheEndChangeNothing) {
  FreshChunks fresh(5, 1);
  const FreshPeer peer = fresh.Join();
  for (const ChunkRange& range : {ChunkRange{ChunkIndex(4), 2}, ChunkRange{ChunkIndex(5), 1},
                                  ChunkRange{ChunkIndex(UINT32_MAX), 1}, ChunkRange{ChunkIndex(0), 6}}) {
    EXPECT_EQ(fresh.Holds(peer, {{ChunkIndex(0), 1}, range}).code(), absl::StatusCode::kOutOfRange);
  }
  EXPECT_EQ(fresh.fresh_count(), 5);
  EXPECT_TRUE(fresh.Holds(peer, {{ChunkIndex(0), 5}}).ok());
  EXPECT_THAT(TakeAll(fresh, peer), IsEmpty());
}

}  // namespace
}  // namespace shoal::stream
