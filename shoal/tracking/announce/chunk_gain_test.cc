#include "shoal/tracking/announce/chunk_gain.h"

#include "gtest/gtest.h"

namespace shoal::tracking {
namespace {

ChunkSet Set(uint32_t size, std::initializer_list<uint32_t> chunks) {
  ChunkSet set(size);
  for (const uint32_t chunk : chunks) set.Insert(ChunkIndex(chunk));
  return set;
}

TEST(ChunkGainTest, NamesWhatIsNewAsRuns) {
  const auto gained = ChunksGained(Set(100, {3}), Set(100, {2, 3, 4, 5, 70}), 10);
  ASSERT_TRUE(gained.has_value());
  EXPECT_EQ(*gained, (std::vector<ChunkRange>{{ChunkIndex(2), 1}, {ChunkIndex(4), 2}, {ChunkIndex(70), 1}}));
}

TEST(ChunkGainTest, NothingNewIsAnEmptyGain) {
  EXPECT_TRUE(ChunksGained(Set(100, {3}), Set(100, {3}), 0)->empty());
  EXPECT_TRUE(ChunksGained(ChunkSet::All(64), ChunkSet::All(64), 0)->empty());
  EXPECT_TRUE(ChunksGained(ChunkSet(0), ChunkSet(0), 0)->empty());
}

TEST(ChunkGainTest, ReportsChangesThatNoDeltaExpresses) {
  EXPECT_FALSE(ChunksGained(Set(100, {3, 4}), Set(100, {3}), 10)) << "a chunk was lost";
  EXPECT_FALSE(ChunksGained(Set(100, {3}), Set(100, {4, 5}), 10)) << "one was lost, others came";
  EXPECT_FALSE(ChunksGained(Set(100, {}), Set(101, {1}), 10)) << "another content";
  EXPECT_FALSE(ChunksGained(Set(100, {}), Set(100, {1, 3, 5}), 2)) << "too many runs";
}

TEST(ChunkGainTest, BeforeAndGainTogetherAreNow) {
  const ChunkSet now = Set(1000, {0, 1, 2, 63, 64, 65, 500, 998, 999});
  ChunkSet before = Set(1000, {1, 64, 999});
  ASSERT_TRUE(before.InsertRanges(*ChunksGained(before, now, 100)).ok());
  EXPECT_EQ(before, now);
}

}  // namespace
}  // namespace shoal::tracking
