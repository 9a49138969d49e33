#include "services/tracker/udp/connection_id.h"

#include <set>

#include "gtest/gtest.h"

namespace shoal::tracker {
namespace {

const IpAddress kHome = IpAddress::V4({192, 0, 2, 1});
constexpr absl::Duration kStart = absl::Hours(5);

TEST(ConnectionIdTest, IsValidForTwoMinutesInEveryEpoch) {
  const ConnectionIds ids(SipHashKey{1});
  for (absl::Duration given = kStart; given < kStart + absl::Minutes(5); given += absl::Seconds(7)) {
    const uint64_t id = ids.Make(kHome, given);
    EXPECT_TRUE(ids.Check(kHome, given, id)) << given;
    EXPECT_TRUE(ids.Check(kHome, given + absl::Minutes(2), id)) << given;
    EXPECT_FALSE(ids.Check(kHome, given + absl::Minutes(4), id)) << given;
    EXPECT_FALSE(ids.Check(kHome, given + absl::Minutes(6), id)) << given;
  }
}

TEST(ConnectionIdTest, IsValidFromTheFirstSecondOn) {
  const ConnectionIds ids(SipHashKey{1});
  EXPECT_TRUE(ids.Check(kHome, absl::ZeroDuration(), ids.Make(kHome, absl::ZeroDuration())));
}

TEST(ConnectionIdTest, IsInvalidForAnotherAddressKeyOrBit) {
  const ConnectionIds ids(SipHashKey{1});
  const uint64_t id = ids.Make(kHome, kStart);
  EXPECT_FALSE(ids.Check(IpAddress::V4({192, 0, 2, 2}), kStart, id));
  EXPECT_FALSE(ConnectionIds(SipHashKey{2}).Check(kHome, kStart, id));
  EXPECT_FALSE(ids.Check(kHome, kStart, 0));
  for (int bit = 0; bit < 64; ++bit) EXPECT_FALSE(ids.Check(kHome, kStart, id ^ uint64_t{1} << bit)) << bit;
}

TEST(ConnectionIdTest, NeverLooksLikeTheMagicOfAnotherProtocol) {
  const ConnectionIds ids(SipHashKey{1});
  std::set<uint64_t> seen;
  for (uint8_t host = 0; host < 200; ++host) {
    const uint64_t id = ids.Make(IpAddress::V4({10, 0, 0, host}), kStart);
    EXPECT_GE(id >> 56, 0x80u);
    EXPECT_TRUE(seen.insert(id).second);
  }
}

}  // namespace
}  // namespace shoal::tracker
