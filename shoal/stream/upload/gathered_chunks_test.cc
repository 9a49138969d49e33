#include "shoal/stream/upload/gathered_chunks.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/file_chunk_source.h"

namespace shoal::stream {
namespace {

constexpr uint32_t kChunk = 16 * 1024;

FrameHeader HeaderOf(const FileRegion& region, uint32_t index) {
  return {FrameType::kChunk, region.length_bytes, index, 7};
}

TEST(GatheredChunksTest, AreConsecutiveFrames) {
  const auto source = FileChunkSource::Make(kChunk + 5, kChunk);
  GatheredChunks gathered;
  std::string expected;
  for (uint32_t i = 0; i < 2; ++i) {
    const FileRegion region = *source->Open(ChunkIndex(i));
    ASSERT_TRUE(GatheredChunks::IsSmall(region));
    ASSERT_TRUE(gathered.Add(HeaderOf(region, i), region).ok());
    const auto header = HeaderOf(region, i).Encode();
    expected.append(header.begin(), header.end());
    const ByteView bytes = source->BytesOf(ChunkIndex(i));
    expected.append(bytes.begin(), bytes.end());
  }
  EXPECT_EQ(std::string(gathered.bytes().begin(), gathered.bytes().end()), expected);
  EXPECT_EQ(gathered.count(), 2u);
  EXPECT_EQ(gathered.payload_bytes(), kChunk + 5u);
  EXPECT_FALSE(gathered.full());
}

TEST(GatheredChunksTest, AreFullAt256KiB) {
  const auto source = FileChunkSource::Make(17 * kChunk, kChunk);
  GatheredChunks gathered;
  uint32_t count = 0;
  for (; !gathered.full(); ++count) {
    const FileRegion region = *source->Open(ChunkIndex(count));
    ASSERT_TRUE(gathered.Add(HeaderOf(region, count), region).ok());
  }
  EXPECT_EQ(count, 16u);
}

TEST(GatheredChunksTest, OmitAChunkThatCannotBeRead) {
  const auto source = FileChunkSource::Make(2 * kChunk, kChunk);
  source->Truncate(kChunk + 1);
  GatheredChunks gathered;
  const FileRegion whole = *source->Open(ChunkIndex(0));
  const FileRegion cut_off = *source->Open(ChunkIndex(1));
  ASSERT_TRUE(gathered.Add(HeaderOf(whole, 0), whole).ok());
  EXPECT_EQ(gathered.Add(HeaderOf(cut_off, 1), cut_off).code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(gathered.count(), 1u);
  EXPECT_EQ(gathered.payload_bytes(), kChunk);
}

TEST(GatheredChunksTest, ChunksOf64KiBAreNotSmall) {
  EXPECT_TRUE(GatheredChunks::IsSmall({nullptr, 0, 64 * 1024 - 1}));
  EXPECT_FALSE(GatheredChunks::IsSmall({nullptr, 0, 64 * 1024}));
}

}  // namespace
}  // namespace shoal::stream
