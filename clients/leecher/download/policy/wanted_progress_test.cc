#include "clients/leecher/download/policy/wanted_progress.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <vector>

namespace shoal::leecher {
namespace {

constexpr uint32_t kChunk = kMinChunkSizeBytes;
constexpr uint32_t kChunks = 6;

// The last chunk has one byte.
std::shared_ptr<const Manifest> SixChunks() {
  auto manifest = Manifest::Create(Manifest::Kind::kFile, "file", kChunk, {{"file", 5 * kChunk + 1}},
                                   std::vector<ChunkChecksums>(kChunks));
  EXPECT_TRUE(manifest.ok()) << manifest.status();
  return std::make_shared<const Manifest>(*std::move(manifest));
}

ChunkSet Chunks(std::initializer_list<uint32_t> indices) {
  ChunkSet chunks(kChunks);
  for (const uint32_t index : indices) chunks.Insert(ChunkIndex(index));
  return chunks;
}

TEST(WantedProgressTest, CountsWhatComesAndWhatWasThere) {
  WantedProgress progress(SixChunks(), Chunks({1, 5}));
  EXPECT_EQ(progress.chunks_held(), 2u);
  EXPECT_EQ(progress.held_bytes(), kChunk + 1);
  EXPECT_EQ(progress.resumed_bytes(), kChunk + 1);
  EXPECT_EQ(progress.in_order_bytes(), 0u);
  progress.Gained(ChunkIndex(0));
  progress.Gained(ChunkIndex(0));
  EXPECT_EQ(progress.chunks_held(), 3u);
  EXPECT_EQ(progress.held_bytes(), 2 * kChunk + 1);
  EXPECT_EQ(progress.resumed_bytes(), kChunk + 1);
  EXPECT_EQ(progress.in_order_bytes(), 2 * kChunk);
  for (const uint32_t chunk : {4, 3, 2}) progress.Gained(ChunkIndex(chunk));
  EXPECT_EQ(progress.in_order_bytes(), 5 * kChunk + 1);
}

TEST(WantedProgressTest, WhatIsNotWantedCountsOnceItIs) {
  WantedProgress progress(SixChunks(), Chunks({0, 1}));
  progress.Want(Chunks({1, 3, 4}));
  EXPECT_EQ(progress.held_bytes(), kChunk);
  EXPECT_EQ(progress.resumed_bytes(), kChunk);
  EXPECT_EQ(progress.in_order_bytes(), kChunk);
  progress.Gained(ChunkIndex(2));
  EXPECT_EQ(progress.chunks_held(), 1u);
  progress.Gained(ChunkIndex(3));
  EXPECT_EQ(progress.in_order_bytes(), 2 * kChunk) << "chunk 2 is not waited for";
  progress.Want(ChunkSet::All(kChunks));
  EXPECT_EQ(progress.chunks_held(), 4u);
  EXPECT_EQ(progress.resumed_bytes(), 2 * kChunk);
  EXPECT_EQ(progress.in_order_bytes(), 4 * kChunk);
}

}  // namespace
}  // namespace shoal::leecher
