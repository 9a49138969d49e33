#include "shoal/stream/outbox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shoal/content/manifest/checksum.h"

namespace shoal::stream {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

struct Frame {
  FrameHeader header;
  std::string body;
};

std::vector<Frame> Take(Outbox* outbox) {
  std::string bytes = "what was there before";
  outbox->TakeAll(&bytes);
  std::vector<Frame> frames;
  ByteView left = AsBytes(bytes);
  while (!left.empty()) {
    const auto header = FrameHeader::Decode(left.first<kFrameHeaderBytes>());
    if (!header.ok()) break;
    const ByteView body = left.subspan(kFrameHeaderBytes, header->length_bytes);
    EXPECT_EQ(Crc32(body), header->crc32);
    frames.push_back({*header, std::string(body.begin(), body.end())});
    left = left.subspan(kFrameHeaderBytes + body.size());
  }
  return frames;
}

TEST(OutboxTest, JoinsWhatAccumulatedSinceTheLastTake) {
  Outbox outbox;
  EXPECT_TRUE(outbox.empty());
  outbox.Announce(std::vector{ChunkIndex(1)});
  outbox.Request(std::vector{ChunkIndex(7), ChunkIndex(8)});
  outbox.Request(std::vector{ChunkIndex(9), ChunkIndex(2)});
  outbox.Announce(std::vector{ChunkIndex(2)});
  EXPECT_FALSE(outbox.empty());
  const auto frames = Take(&outbox);
  EXPECT_TRUE(outbox.empty());
  ASSERT_THAT(frames, SizeIs(2));
  EXPECT_EQ(frames[0].header.type, FrameType::kRequest);
  EXPECT_THAT(Request::Decode(AsBytes(frames[0].body))->chunks,
              ElementsAre(ChunkRange{ChunkIndex(7), 3}, ChunkRange{ChunkIndex(2), 1}));
  EXPECT_EQ(frames[1].header.type, FrameType::kHave);
  EXPECT_THAT(Have::Decode(AsBytes(frames[1].body))->gained, ElementsAre(ChunkRange{ChunkIndex(1), 2}));
  EXPECT_THAT(Take(&outbox), IsEmpty());
}

TEST(OutboxTest, CreditsAddUp) {
  Outbox outbox;
  outbox.RequestAny(3);
  outbox.RequestAny(4);
  EXPECT_FALSE(outbox.empty());
  const auto frames = Take(&outbox);
  ASSERT_THAT(frames, SizeIs(1));
  EXPECT_EQ(frames[0].header.type, FrameType::kRequestAny);
  EXPECT_EQ(RequestAny::Decode(AsBytes(frames[0].body))->chunks, 7);
  EXPECT_TRUE(outbox.empty());
}

TEST(OutboxTest, ACancelRemovesWaitingRequestsAndPrecedesLaterOnes) {
  Outbox outbox;
  outbox.Request(std::vector{ChunkIndex(1), ChunkIndex(2)});
  outbox.Cancel(std::vector{ChunkIndex(1), ChunkIndex(5)});
  outbox.Request(std::vector{ChunkIndex(5)});
  const auto frames = Take(&outbox);
  ASSERT_THAT(frames, SizeIs(2));
  EXPECT_EQ(frames[0].header.type, FrameType::kCancel);
  EXPECT_EQ(frames[1].header.type, FrameType::kRequest);
  EXPECT_THAT(Request::Decode(AsBytes(frames[1].body))->chunks,
              ElementsAre(ChunkRange{ChunkIndex(2), 1}, ChunkRange{ChunkIndex(5), 1}));
}

TEST(OutboxTest, ManyRunsGoInSeveralMessages) {
  Outbox outbox;
  std::vector<ChunkIndex> every_other;
  for (uint32_t i = 0; i < kMaxRangesPerMessage + 10; ++i) every_other.push_back(ChunkIndex(2 * i));
  outbox.Announce(every_other);
  const auto frames = Take(&outbox);
  ASSERT_THAT(frames, SizeIs(2));
  EXPECT_THAT(Have::Decode(AsBytes(frames[0].body))->gained, SizeIs(kMaxRangesPerMessage));
  EXPECT_THAT(Have::Decode(AsBytes(frames[1].body))->gained, SizeIs(10));
}

TEST(OutboxTest, AddedFramesComeFirst) {
  Outbox outbox;
  outbox.Announce(std::vector{ChunkIndex(1)});
  outbox.Add(FrameType::kPing, "");
  EXPECT_EQ(outbox.added_bytes(), kFrameHeaderBytes);
  const auto frames = Take(&outbox);
  ASSERT_THAT(frames, SizeIs(2));
  EXPECT_EQ(frames[0].header.type, FrameType::kPing);
}

}  // namespace
}  // namespace shoal::stream
