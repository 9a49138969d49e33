#include "shoal/stream/wire/frame.h"

#include <gtest/gtest.h>

namespace shoal::stream {
namespace {

FrameHeader Header(FrameType type, uint32_t length_bytes) {
  FrameHeader header;
  header.type = type;
  header.length_bytes = length_bytes;
  return header;
}

bool Decodes(FrameType type, uint32_t length_bytes) {
  const auto bytes = Header(type, length_bytes).Encode();
  return FrameHeader::Decode(bytes).ok();
}

TEST(FrameHeaderTest, EncodesEachFieldAtItsOffset) {
  FrameHeader header;
  header.type = FrameType::kChunk;
  header.length_bytes = 0x00010203;
  header.index = 0x11121314;
  header.crc32 = 0x21222324;
  const std::array<uint8_t, kFrameHeaderBytes> expected = {8,    0,    0,    0,    0x00, 0x01, 0x02, 0x03,
                                                           0x11, 0x12, 0x13, 0x14, 0x21, 0x22, 0x23, 0x24};
  EXPECT_EQ(header.Encode(), expected);
  EXPECT_EQ(*FrameHeader::Decode(expected), header);
}

TEST(FrameHeaderTest, UnknownFlagsAreIgnored) {
  auto bytes = Header(FrameType::kPing, 0).Encode();
  bytes[1] = bytes[2] = bytes[3] = 0xff;
  EXPECT_EQ(*FrameHeader::Decode(bytes), Header(FrameType::kPing, 0));
}

TEST(FrameHeaderTest, LengthsAreBoundedByType) {
  struct Case {
    FrameType type;
    uint32_t shortest;
    uint32_t longest;
  };
  for (const Case& c :
       {Case{FrameType::kHello, 1, kMaxHelloBytes}, Case{FrameType::kHave, 0, kMaxControlBytes},
        Case{FrameType::kRequest, 0, kMaxControlBytes}, Case{FrameType::kCancel, 0, kMaxControlBytes},
        Case{FrameType::kRefuse, 0, kMaxControlBytes}, Case{FrameType::kManifestRequest, 0, kMaxControlBytes},
        Case{FrameType::kManifest, 1, kManifestSliceBytes}, Case{FrameType::kChunk, 1, kMaxChunkSizeBytes},
        Case{FrameType::kPing, 0, 0}, Case{FrameType::kRequestAny, 0, kMaxControlBytes},
        Case{FrameType::kNothingFresh, 0, 0}, Case{static_cast<FrameType>(0), 0, kMaxFrameBytes},
        Case{static_cast<FrameType>(200), 0, kMaxFrameBytes}}) {
    const int type = static_cast<int>(c.type);
    EXPECT_TRUE(Decodes(c.type, c.shortest)) << type;
    EXPECT_TRUE(Decodes(c.type, c.longest)) << type;
    EXPECT_FALSE(Decodes(c.type, c.longest + 1)) << type;
    EXPECT_FALSE(Decodes(c.type, 0xffffffff)) << type;
    EXPECT_FALSE(Decodes(c.type, c.shortest - 1)) << type;  // for 0: the longest of all
  }
}

TEST(FrameHeaderTest, RecognisesKnownTypes) {
  EXPECT_TRUE(Header(FrameType::kHello, 1).known());
  EXPECT_TRUE(Header(FrameType::kNothingFresh, 0).known());
  EXPECT_FALSE(Header(static_cast<FrameType>(0), 0).known());
  EXPECT_FALSE(Header(static_cast<FrameType>(12), 0).known());
}

}  // namespace
}  // namespace shoal::stream
