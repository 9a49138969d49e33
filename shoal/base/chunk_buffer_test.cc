#include "shoal/base/chunk_buffer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>
#include <utility>
#include <vector>

namespace shoal {
namespace {

constexpr size_t kChunkBytes = 100'000;

TEST(ChunkBufferPool, LendsABoundedNumberOfFullChunks) {
  const auto pool = ChunkBufferPool::Create(kChunkBytes, 2 * kChunkBytes);
  ChunkBuffer first = pool->TryAcquire(kChunkBytes);
  ChunkBuffer second = pool->TryAcquire(kChunkBytes - 1);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first.bytes().size(), kChunkBytes);
  EXPECT_EQ(second.bytes().size(), kChunkBytes - 1);
  EXPECT_FALSE(pool->TryAcquire(1));
  EXPECT_EQ(pool->lent_bytes(), 2 * kChunkBytes);
  first = ChunkBuffer();
  EXPECT_EQ(pool->lent_bytes(), kChunkBytes);
  EXPECT_TRUE(pool->TryAcquire(kChunkBytes));
}

TEST(ChunkBufferPool, LendsManyShortChunksInTheSameMemory) {
  const auto pool = ChunkBufferPool::Create(kChunkBytes, 2 * kChunkBytes);
  std::vector<ChunkBuffer> lent;
  for (ChunkBuffer buffer = pool->TryAcquire(5000); buffer; buffer = pool->TryAcquire(5000)) {
    std::fill(buffer.bytes().begin(), buffer.bytes().end(), uint8_t{1});
    lent.push_back(std::move(buffer));
  }
  EXPECT_EQ(lent.size(), 2 * kChunkBytes / 8192);
  EXPECT_LE(pool->lent_bytes(), pool->max_bytes());
}

TEST(ChunkBufferPool, FreesMemoryKeptForOtherLengths) {
  const auto pool = ChunkBufferPool::Create(kChunkBytes, kChunkBytes);
  for (const size_t size : {kChunkBytes, size_t{10}, kChunkBytes, size_t{30'000}, kChunkBytes}) {
    ChunkBuffer buffer = pool->TryAcquire(size);
    ASSERT_TRUE(buffer) << size;
    std::fill(buffer.bytes().begin(), buffer.bytes().end(), uint8_t{2});
  }
  EXPECT_EQ(pool->lent_bytes(), 0u);
}

TEST(ChunkBufferPool, HasRoomForOneChunkAtLeast) {
  const auto pool = ChunkBufferPool::Create(kChunkBytes, 1);
  EXPECT_TRUE(pool->TryAcquire(kChunkBytes));
}

TEST(ChunkBufferPool, RefusesLengthsOutOfRange) {
  const auto pool = ChunkBufferPool::Create(kChunkBytes, 2 * kChunkBytes);
  EXPECT_FALSE(pool->TryAcquire(kChunkBytes + 1));
  EXPECT_FALSE(pool->TryAcquire(0));
  EXPECT_EQ(pool->lent_bytes(), 0u);
}

TEST(ChunkBuffer, MovesWithItsLoan) {
  const auto pool = ChunkBufferPool::Create(kChunkBytes, 2 * kChunkBytes);
  ChunkBuffer first = pool->TryAcquire(8);
  std::fill(first.bytes().begin(), first.bytes().end(), uint8_t{7});
  ChunkBuffer second = std::move(first);
  EXPECT_FALSE(
      first);  // NOLINT(bugprone-use-after-move): what a moved-from buffer is, is part of the contract
  EXPECT_EQ(second.bytes()[7], 7);
  ChunkBuffer third = pool->TryAcquire(8);
  third = std::move(second);
  EXPECT_EQ(pool->lent_bytes(), 4096u);
}

TEST(ChunkBuffer, KeepsItsPoolAlive) {
  auto pool = ChunkBufferPool::Create(8, 8);
  ChunkBuffer buffer = pool->TryAcquire(8);
  pool.reset();
  buffer.bytes()[0] = 1;
}

TEST(ChunkBufferPool, IsSharedByThreads) {
  const auto pool = ChunkBufferPool::Create(64, 3 * 64);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 1000; ++round) {
        ChunkBuffer buffer = pool->TryAcquire(64);
        if (buffer) buffer.bytes()[0] = static_cast<uint8_t>(round);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(pool->lent_bytes(), 0u);
}

TEST(ChunkMemory, BoundsTheSumOfAllPools) {
  const auto memory = std::make_shared<ChunkMemory>(3 * kChunkBytes);
  const auto one = ChunkBufferPool::Create(kChunkBytes, 3 * kChunkBytes, memory);
  const auto other = ChunkBufferPool::Create(kChunkBytes, 3 * kChunkBytes, memory);
  ChunkBuffer lent[] = {one->TryAcquire(kChunkBytes), one->TryAcquire(kChunkBytes),
                        one->TryAcquire(kChunkBytes)};
  ASSERT_TRUE(lent[0] && lent[1] && lent[2]);
  // The first buffer of a pool goes beyond the bound; the second does not.
  ChunkBuffer first = other->TryAcquire(kChunkBytes);
  EXPECT_TRUE(first);
  EXPECT_FALSE(other->TryAcquire(kChunkBytes));
  EXPECT_EQ(memory->lent_bytes(), 4 * kChunkBytes);
  lent[0] = ChunkBuffer();
  EXPECT_FALSE(other->TryAcquire(kChunkBytes));
  lent[1] = ChunkBuffer();
  EXPECT_TRUE(other->TryAcquire(kChunkBytes));
}

TEST(ChunkMemory, GrowsToTheLargestPool) {
  const auto memory = std::make_shared<ChunkMemory>(1);
  const auto pool = ChunkBufferPool::Create(kChunkBytes, 2 * kChunkBytes, memory);
  ChunkBuffer first = pool->TryAcquire(kChunkBytes);
  ChunkBuffer second = pool->TryAcquire(kChunkBytes);
  EXPECT_TRUE(first && second);
  EXPECT_FALSE(pool->TryAcquire(1));
}

}  // namespace
}  // namespace shoal
