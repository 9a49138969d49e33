#include "shoal/tracking/tickets/ticket.h"

#include <array>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace shoal::tracking {
namespace {

using ::testing::HasSubstr;

const absl::Time kExpiry = absl::FromUnixSeconds(1'700'000'600);

ContentId TicketedContent(uint8_t n) {
  std::array<uint8_t, 32> bytes{};
  bytes.fill(n);
  return ContentId(bytes);
}

PeerId TicketedPeer(uint8_t n) {
  std::array<uint8_t, 16> bytes{};
  bytes.fill(n);
  return PeerId(bytes);
}

SigningKey IssuersKey(char n) {
  return *SigningKey::FromSeed(AsBytes(std::string(32, n)));
}

// The bytes are those of docs/wire_format.md, "Tickets": other programs can make and check them.
TEST(TicketTest, HasTheDocumentedBytes) {
  const SigningKey key = IssuersKey('a');
  const std::string encoded =
      Ticket::Make(key, TicketedContent(7), "name", TicketedPeer(9), kExpiry + absl::Milliseconds(999))
          .Encode();
  const Sha256Digest name_digest = Sha256::Of(AsBytes("name"));
  const std::string signed_bytes = "shoal ticket v2\n" + key.public_key().ToString() + std::string(32, 7) +
                                   std::string(name_digest.begin(), name_digest.end()) + std::string(16, 9) +
                                   std::string("\0\0\0\0\x65\x53\xf3\x58", 8);
  ASSERT_EQ(encoded.size(), Ticket::kEncodedBytes);
  EXPECT_EQ(encoded.substr(0, signed_bytes.size()), signed_bytes);
  EXPECT_EQ(encoded.substr(signed_bytes.size()), key.Sign(AsBytes(signed_bytes)).ToString());
}

TEST(TicketTest, IsReadAsItWasMade) {
  const SigningKey key = IssuersKey('a');
  const Ticket made = Ticket::Make(key, TicketedContent(1), "name", TicketedPeer(2), kExpiry);
  const auto read = Ticket::Decode(AsBytes(made.Encode()));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, made);
  EXPECT_EQ(read->issuer, key.public_key());
  EXPECT_EQ(read->expiry, kExpiry);
  EXPECT_TRUE(read->Verifies());
}

TEST(TicketTest, EachByteIsSigned) {
  const std::string encoded =
      Ticket::Make(IssuersKey('a'), TicketedContent(1), "name", TicketedPeer(2), kExpiry).Encode();
  for (size_t i = 0; i < encoded.size(); ++i) {
    std::string changed = encoded;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    const auto read = Ticket::Decode(AsBytes(changed));
    if (read.ok()) {
      EXPECT_FALSE(read->Verifies()) << i;
    }
  }
}

TEST(TicketTest, OtherBytesAreNone) {
  const std::string encoded =
      Ticket::Make(IssuersKey('a'), TicketedContent(1), "name", TicketedPeer(2), kExpiry).Encode();
  EXPECT_FALSE(Ticket::Decode({}).ok());
  EXPECT_FALSE(Ticket::Decode(AsBytes(encoded.substr(1))).ok());
  EXPECT_FALSE(Ticket::Decode(AsBytes(encoded + "x")).ok());
  std::string later = encoded;
  later[14] = '3';
  EXPECT_THAT(std::string(Ticket::Decode(AsBytes(later)).status().message()), HasSubstr("version"));
  std::string endless = encoded;
  endless[128] = '\x7f';  // the first byte of the expiry
  EXPECT_THAT(std::string(Ticket::Decode(AsBytes(endless)).status().message()), HasSubstr("9999"));
}

TEST(TicketTest, TimesStayInTheirRange) {
  const SigningKey key = IssuersKey('a');
  EXPECT_EQ(Ticket::Make(key, TicketedContent(1), "name", TicketedPeer(2), absl::InfinitePast()).expiry,
            absl::UnixEpoch());
  const std::string last =
      Ticket::Make(key, TicketedContent(1), "name", TicketedPeer(2), absl::InfiniteFuture()).Encode();
  EXPECT_TRUE(Ticket::Decode(AsBytes(last)).ok());
}

}  // namespace
}  // namespace shoal::tracking
