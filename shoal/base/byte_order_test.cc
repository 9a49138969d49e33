#include "shoal/base/byte_order.h"

#include <gtest/gtest.h>

namespace shoal {
namespace {

TEST(ByteOrder, StoresTheHighestByteFirst) {
  std::string bytes;
  AppendBig(uint8_t{0x01}, &bytes);
  AppendBig(uint16_t{0x0203}, &bytes);
  AppendBig(uint32_t{0x04050607}, &bytes);
  AppendBig(uint64_t{0x08090a0b0c0d0e0f}, &bytes);
  ASSERT_EQ(bytes.size(), 15u);
  for (size_t i = 0; i < bytes.size(); ++i) EXPECT_EQ(static_cast<uint8_t>(bytes[i]), i + 1);
  EXPECT_EQ(LoadBig<uint64_t>(AsBytes(bytes).data() + 7), 0x08090a0b0c0d0e0fu);
}

TEST(ByteReader, ReadsForward) {
  const std::string bytes("\x01\x02\x03name\xff", 8);
  ByteReader reader(AsBytes(bytes));
  EXPECT_EQ(reader.ReadBig<uint8_t>(), 1);
  EXPECT_EQ(reader.ReadBig<uint16_t>(), 0x0203);
  EXPECT_EQ(reader.ReadString(4), "name");
  EXPECT_EQ(reader.remaining(), 1u);
  EXPECT_TRUE(reader.ok());
}

TEST(ByteReader, TurnsBadAtTheEndAndStaysBad) {
  const std::string bytes("\x01\x02\x03", 3);
  ByteReader reader(AsBytes(bytes));
  EXPECT_EQ(reader.ReadBig<uint32_t>(), 0u);
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.ReadBig<uint8_t>(), 0);
  EXPECT_TRUE(reader.ReadString(1).empty());
  EXPECT_FALSE(reader.ok());
}

TEST(ByteReader, IsBadWhenEmpty) {
  ByteReader reader({});
  EXPECT_TRUE(reader.ReadBytes(0).empty());
  EXPECT_TRUE(reader.ok());
}

}  // namespace
}  // namespace shoal
