#include "services/tracker/udp/datagram_cookie.h"

#include "gtest/gtest.h"
#include "shoal/base/manual_clock.h"
#include "shoal/tracking/messages/datagram.h"

namespace shoal::tracker {
namespace {

class DatagramCookieTest : public ::testing::Test {
 protected:
  static Endpoint At(uint8_t last, uint16_t port) { return {IpAddress::V4({192, 0, 2, last}), port}; }

  ManualClock clock_;
  DatagramCookies cookies_{SipHashKey{1, 2, 3}, &clock_};
};

TEST_F(DatagramCookieTest, IsValidForItsAddressOnly) {
  const std::string cookie = cookies_.Make(At(1, 1000));
  EXPECT_EQ(cookie.size(), tracking::kCookieBytes);
  EXPECT_TRUE(cookies_.Check(At(1, 1000), cookie));
  EXPECT_FALSE(cookies_.Check(At(2, 1000), cookie));
  EXPECT_FALSE(cookies_.Check(At(1, 1001), cookie));
}

TEST_F(DatagramCookieTest, EveryBitMatters) {
  const std::string cookie = cookies_.Make(At(1, 1000));
  for (size_t bit = 0; bit < cookie.size() * 8; ++bit) {
    std::string forged = cookie;
    forged[bit / 8] = static_cast<char>(forged[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(cookies_.Check(At(1, 1000), forged)) << bit;
  }
  EXPECT_FALSE(cookies_.Check(At(1, 1000), ""));
  EXPECT_FALSE(cookies_.Check(At(1, 1000), cookie.substr(1)));
  EXPECT_FALSE(cookies_.Check(At(1, 1000), cookie + '\0'));
}

TEST_F(DatagramCookieTest, IsValidUntilTheEndOfTheNextMinute) {
  clock_.Advance(absl::Seconds(20));  // to the start of a minute: the clock begins at 1,000 s
  const std::string cookie = cookies_.Make(At(1, 1000));
  clock_.Advance(absl::Seconds(119));
  EXPECT_TRUE(cookies_.Check(At(1, 1000), cookie));
  clock_.Advance(absl::Seconds(1));
  EXPECT_FALSE(cookies_.Check(At(1, 1000), cookie));
}

TEST_F(DatagramCookieTest, AnotherKeyMakesAnotherCookie) {
  const DatagramCookies restarted(DatagramCookies::RandomKey(), &clock_);
  EXPECT_FALSE(restarted.Check(At(1, 1000), cookies_.Make(At(1, 1000))));
}

}  // namespace
}  // namespace shoal::tracker
