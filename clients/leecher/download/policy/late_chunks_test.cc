#include "clients/leecher/download/policy/late_chunks.h"

#include <gtest/gtest.h>

#include <vector>

namespace shoal::leecher {
namespace {

TEST(LateChunksTest, OffersTheLastToComeFirst) {
  LateChunks late;
  EXPECT_TRUE(late.empty());
  late.Add(ChunkIndex(1), absl::Milliseconds(100));
  late.Add(ChunkIndex(2), absl::Milliseconds(300));
  late.Add(ChunkIndex(3), absl::Milliseconds(200));
  late.Add(ChunkIndex(4), absl::Milliseconds(200));
  late.Sort();

  std::vector<ChunkIndex> offered;
  const auto refuse = [&](ChunkIndex chunk) {
    offered.push_back(chunk);
    return false;
  };
  EXPECT_FALSE(late.Offer(absl::Milliseconds(100), refuse));
  EXPECT_EQ(offered, (std::vector<ChunkIndex>{ChunkIndex(2), ChunkIndex(3), ChunkIndex(4)}));

  offered.clear();
  EXPECT_TRUE(late.Offer(absl::ZeroDuration(), [&](ChunkIndex chunk) { return chunk == ChunkIndex(3); }));
  EXPECT_FALSE(late.Offer(absl::Milliseconds(300), refuse));
  EXPECT_TRUE(offered.empty());
  late.Clear();
  EXPECT_TRUE(late.empty());
}

}  // namespace
}  // namespace shoal::leecher
