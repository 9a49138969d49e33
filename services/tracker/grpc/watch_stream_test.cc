#include "services/tracker/grpc/watch_stream.h"

#include <memory>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/tracker/registry/test_requests.h"
#include "shoal/base/manual_clock.h"

namespace shoal::tracker {
namespace {

using ::testing::HasSubstr;

IpAddress Ip(const char* text) {
  return *IpAddress::Parse(text);
}

class WatchStreamsTest : public ::testing::Test {
 protected:
  using Stream = std::unique_ptr<service::GrpcStreamSource>;

  void Permit(uint32_t watchers) {
    RegistryLimits limits;
    limits.max_watchers = watchers;
    registry_.SetLimits(limits);
  }
  absl::StatusOr<Stream> Open(const IpAddress& source) {
    return streams_.Open({TestContentId(1), std::nullopt}, {source, IpAddress()}, nullptr);
  }
  // Opens as many as are admitted. Returns: how many these were.
  size_t OpenAll(const IpAddress& source) {
    for (size_t opened = 0;; ++opened) {
      auto stream = Open(source);
      if (!stream.ok()) {
        EXPECT_EQ(stream.status().code(), absl::StatusCode::kResourceExhausted);
        return opened;
      }
      open_.push_back(*std::move(stream));
    }
  }

  ManualClock clock_;
  Registry registry_{{}, &clock_};
  const CurrentPeerAddresses addresses_{
      [] { return std::vector<IpAddress>{Ip("127.0.0.1"), Ip("::1"), Ip("10.1.0.1"), Ip("2001:db8:1::1")}; }};
  WatchStreams streams_{&registry_, &addresses_};
  std::vector<Stream> open_;
};

TEST_F(WatchStreamsTest, ASourceMayHaveA16th) {
  Permit(48);
  EXPECT_EQ(OpenAll(Ip("192.0.2.1")), 3u);
  EXPECT_EQ(OpenAll(Ip("192.0.2.2")), 3u);
  EXPECT_EQ(OpenAll(Ip("2001:db8:2::1")), 3u);
  EXPECT_EQ(OpenAll(Ip("2001:db8:2::2")), 0u) << "of the same /64";
  EXPECT_EQ(OpenAll(Ip("2001:db8:2:1::1")), 3u);
  EXPECT_EQ(registry_.stats().watchers, 12u);
  EXPECT_THAT(
      Open(Ip("192.0.2.1")).status().message(),
      HasSubstr("this address has 3 Watch calls open, its share of the 48 of this tracker: end some"));

  // What has ended is free again.
  open_.erase(open_.begin());
  EXPECT_EQ(OpenAll(Ip("192.0.2.1")), 1u);
}

TEST_F(WatchStreamsTest, AllAddressesOfThisMachineShareHalf) {
  Permit(32);
  EXPECT_EQ(OpenAll(Ip("127.0.0.1")), 16u);
  // Loopback, the machine's own addresses, and a Unix socket, which has none.
  for (const char* here : {"127.0.0.2", "::1", "10.1.0.1", "2001:db8:1::1", "0.0.0.0"})
    EXPECT_EQ(OpenAll(Ip(here)), 0u) << here;
  EXPECT_EQ(OpenAll(Ip("10.1.0.2")), 2u);
  EXPECT_THAT(Open(Ip("::1")).status().message(), HasSubstr("the tracker's own machine has 16"));
}

TEST_F(WatchStreamsTest, EverySourceMayHaveOne) {
  Permit(3);
  EXPECT_EQ(OpenAll(Ip("192.0.2.1")), 1u);
  EXPECT_EQ(OpenAll(Ip("127.0.0.1")), 1u);
  EXPECT_THAT(Open(Ip("192.0.2.1")).status().message(), HasSubstr("has 1 Watch calls open"));
  EXPECT_EQ(OpenAll(Ip("192.0.2.2")), 1u);
  EXPECT_EQ(OpenAll(Ip("192.0.2.3")), 0u) << "there are no more";
}

// A call that the registry refuses takes nothing of the share.
TEST_F(WatchStreamsTest, ARefusedCallLeavesTheShare) {
  Permit(16);
  for (int i = 0; i < 2; ++i) {
    Permit(0);
    EXPECT_FALSE(Open(Ip("192.0.2.1")).ok());
  }
  Permit(16);
  EXPECT_EQ(OpenAll(Ip("192.0.2.1")), 1u);
}

}  // namespace
}  // namespace shoal::tracker
