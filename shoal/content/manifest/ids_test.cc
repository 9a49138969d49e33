#include "shoal/content/manifest/ids.h"

#include <gtest/gtest.h>

#include "absl/status/status.h"

namespace shoal {
namespace {

TEST(ByteId, RoundTripsThroughHexAndBytes) {
  const std::string hex = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1dfeff";
  const absl::StatusOr<ContentId> id = ContentId::FromHex(hex);
  ASSERT_TRUE(id.ok());
  EXPECT_EQ(id->ToHex(), hex);
  EXPECT_EQ(id->ShortHex(), "000102030405");
  EXPECT_EQ(id->bytes()[31], 0xff);
  EXPECT_EQ(*ContentId::FromBytes(id->ToString()), *id);
  EXPECT_EQ(*ContentId::FromHex("000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1DFEFF"), *id);
  EXPECT_FALSE(id->is_zero());
  EXPECT_TRUE(ContentId().is_zero());
}

TEST(ByteId, RefusesOtherLengthsAndDigits) {
  const std::string hex(64, 'a');
  for (const std::string& text : {std::string(), hex.substr(1), hex + "a", "g" + hex.substr(1),
                                  hex.substr(1) + " ", "0x" + hex.substr(2)}) {
    EXPECT_EQ(ContentId::FromHex(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
  EXPECT_EQ(PeerId::FromBytes(std::string(15, 'x')).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(PeerId::FromBytes(std::string(17, 'x')).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(PeerId, DiffersAtEachCall) {
  EXPECT_NE(RandomPeerId(), RandomPeerId());
}

}  // namespace
}  // namespace shoal
