#include "shoal/content/chunk_buffer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>
#include <utility>
#include <vector>

namespace shoal {
namespace {

TEST(ChunkBufferPool, LendsSoManyAndNoMore) {
  const auto pool = ChunkBufferPool::Create(100, 2);
  ChunkBuffer first = pool->TryAcquire(100);
  ChunkBuffer second = pool->TryAcquire(1);
  EXPECT_TRUE(first && second);
  EXPECT_EQ(first.bytes().size(), 100u);
  EXPECT_EQ(second.bytes().size(), 1u);
  EXPECT_FALSE(pool->TryAcquire(1));
  EXPECT_EQ(pool->lent(), 2u);
  first = ChunkBuffer();
  EXPECT_EQ(pool->lent(), 1u);
  EXPECT_TRUE(pool->TryAcquire(50));
}

TEST(ChunkBufferPool, RefusesWhatIsTooLarge) {
  const auto pool = ChunkBufferPool::Create(100, 2);
  EXPECT_FALSE(pool->TryAcquire(101));
  EXPECT_EQ(pool->lent(), 0u);
}

TEST(ChunkBuffer, MovesWithItsLoan) {
  const auto pool = ChunkBufferPool::Create(8, 2);
  ChunkBuffer first = pool->TryAcquire(8);
  std::fill(first.bytes().begin(), first.bytes().end(), uint8_t{7});
  ChunkBuffer second = std::move(first);
  EXPECT_FALSE(
      first);  // NOLINT(bugprone-use-after-move): what a moved-from buffer is, is part of the contract
  EXPECT_EQ(second.bytes()[7], 7);
  ChunkBuffer third = pool->TryAcquire(8);
  third = std::move(second);
  EXPECT_EQ(pool->lent(), 1u);
}

TEST(ChunkBuffer, OutlivesTheLastOtherHolderOfItsPool) {
  auto pool = ChunkBufferPool::Create(8, 1);
  ChunkBuffer buffer = pool->TryAcquire(8);
  pool.reset();
  buffer.bytes()[0] = 1;
}

TEST(ChunkBufferPool, IsSharedByThreads) {
  const auto pool = ChunkBufferPool::Create(64, 3);
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
  EXPECT_EQ(pool->lent(), 0u);
}

}  // namespace
}  // namespace shoal
