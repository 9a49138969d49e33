#include "shoal/content/publish/chunk_verifier.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "shoal/content/manifest/checksum.h"
#include "tests/support/sample_content.h"
#include "tests/support/temporary_folder.h"

namespace shoal {
namespace {

constexpr uint32_t kChunk = kMinChunkSizeBytes;

class ChunkVerifierTest : public testing::Test {
 protected:
  // Returns: a function that opens the chunks of a file with these bytes.
  std::function<absl::StatusOr<FileRegion>(ChunkIndex)> Over(const std::string& bytes) {
    auto file =
        std::make_shared<const FileDescriptor>(*FileDescriptor::Open(folder_.Write("f", bytes), O_RDONLY));
    return [this, file](ChunkIndex index) -> absl::StatusOr<FileRegion> {
      const ChunkPlace place = sample_.manifest()->PlaceOf(index);
      return FileRegion{file, place.offset_bytes, place.length_bytes};
    };
  }

  const TemporaryFolder folder_;
  const std::string bytes_ = SampleBytes(20 * kChunk + 5, 1);
  const SampleContent sample_ = SampleContent::OfFile("f", bytes_);
};

TEST_F(ChunkVerifierTest, AcceptsRightChunks) {
  const auto open = Over(bytes_);
  EXPECT_TRUE(AreRight(*sample_.manifest(), ChunkSet::All(21), open));
  ChunkSet claimed(21);
  claimed.Insert(ChunkIndex(3));
  claimed.Insert(ChunkIndex(20));
  EXPECT_EQ(VerifyChunks(*sample_.manifest(), claimed, open), claimed);
  EXPECT_TRUE(VerifyChunks(*sample_.manifest(), ChunkSet(21), open).empty());
}

TEST_F(ChunkVerifierTest, RemovesWrongChunks) {
  std::string damaged = bytes_;
  damaged[7 * kChunk + 1] ^= 1;
  damaged.back() ^= 0x80;
  const auto open = Over(damaged);
  ChunkSet right = ChunkSet::All(21);
  right.Erase(ChunkIndex(7));
  right.Erase(ChunkIndex(20));
  EXPECT_EQ(VerifyChunks(*sample_.manifest(), ChunkSet::All(21), open), right);
  EXPECT_FALSE(AreRight(*sample_.manifest(), ChunkSet::All(21), open));
}

TEST_F(ChunkVerifierTest, SamplesWithinABound) {
  uint32_t opened = 0;
  const auto over = Over(bytes_);
  const auto counting = [&](ChunkIndex chunk) {
    ++opened;
    return over(chunk);
  };
  EXPECT_TRUE(SamplesAreRight(*sample_.manifest(), ChunkSet::All(20), 3 * kChunk, counting));
  EXPECT_EQ(opened, 3u);
  EXPECT_TRUE(SamplesAreRight(*sample_.manifest(), ChunkSet::All(20), 1, counting));  // at least one
  EXPECT_EQ(opened, 4u);
  EXPECT_TRUE(SamplesAreRight(*sample_.manifest(), ChunkSet(21), kChunk, counting));
  EXPECT_EQ(opened, 4u);
  std::string damaged = bytes_;
  damaged[7 * kChunk + 1] ^= 1;
  EXPECT_FALSE(SamplesAreRight(*sample_.manifest(), ChunkSet::All(21), 21 * kChunk, Over(damaged)));
}

TEST_F(ChunkVerifierTest, TreatsUnreadableChunksAsWrong) {
  const auto cut_off = Over(bytes_.substr(0, 5 * kChunk));
  EXPECT_EQ(VerifyChunks(*sample_.manifest(), ChunkSet::All(21), cut_off).count(), 5u);
  const auto gone = [](ChunkIndex) -> absl::StatusOr<FileRegion> { return absl::NotFoundError("gone"); };
  EXPECT_TRUE(VerifyChunks(*sample_.manifest(), ChunkSet::All(21), gone).empty());
  EXPECT_FALSE(AreRight(*sample_.manifest(), ChunkSet::All(21), gone));
}

TEST_F(ChunkVerifierTest, ChecksArrivedChunksOneByOne) {
  std::string lie = bytes_.substr(2 * kChunk, kChunk);
  lie[9] ^= 1;
  const auto arrived = [](uint32_t index, ByteView bytes) {
    return ArrivedChunk{ChunkIndex(index), bytes, Crc32(bytes)};
  };
  const std::vector<ArrivedChunk> chunks = {arrived(20, sample_.Chunk(20)),
                                            arrived(2, AsBytes(lie)),
                                            arrived(3, sample_.Chunk(3)),
                                            arrived(4, sample_.Chunk(5)),  // the bytes of another chunk
                                            arrived(6, sample_.Chunk(6).first(kChunk - 1)),
                                            arrived(21, sample_.Chunk(3)),  // past the end
                                            arrived(7, sample_.Chunk(7)),
                                            {ChunkIndex(8), sample_.Chunk(8), Crc32(sample_.Chunk(9))},
                                            // As if forged to have the right CRC-32.
                                            {ChunkIndex(2), AsBytes(lie), Crc32(sample_.Chunk(2))}};
  const std::vector<bool> right = AreRight(*sample_.manifest(), chunks);
  EXPECT_EQ(right, (std::vector<bool>{true, false, true, false, false, false, true, false, false}));
  EXPECT_TRUE(AreRight(*sample_.manifest(), std::vector<ArrivedChunk>()).empty());
}

}  // namespace
}  // namespace shoal
