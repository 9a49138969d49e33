#include "services/tracker/state/peer_addresses.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/tracker/registry/test_requests.h"

namespace shoal::tracker {
namespace {

using ::testing::ElementsAre;

IpAddress Ip(const char* text) {
  return *IpAddress::Parse(text);
}
Endpoint At(const char* text) {
  return *Endpoint::Parse(text);
}

class PeerAddressesTest : public ::testing::Test {
 protected:
  // What is kept of a registration.
  tracking::RegisterRequest Kept(const char* source, const Endpoint& endpoint,
                                 std::vector<Endpoint> others = {}) {
    tracking::RegisterRequest request = TestSeeder(1, TestContent(1));
    request.endpoint = endpoint;
    request.other_endpoints = std::move(others);
    addresses_.Complete({Ip(source), IpAddress()}, &request);
    return request;
  }

  static tracking::PeerInfo Named(const Caller& caller, const Endpoint& endpoint,
                                  std::vector<Endpoint> others = {}) {
    tracking::PeerInfo peer;
    peer.endpoint = endpoint;
    peer.other_endpoints = std::move(others);
    PeerAddresses::NameTo(caller, &peer);
    return peer;
  }

  // The tracker's machine has two networks, of one also an IPv6 address.
  const PeerAddresses addresses_{
      {Ip("127.0.0.1"), Ip("::1"), Ip("10.1.0.1"), Ip("10.2.0.1"), Ip("2001:db8:1::1")}};
  const Endpoint unknown_{IpAddress(), 7000};
};

TEST_F(PeerAddressesTest, APeerElsewhereIsKeptAtItsSource) {
  EXPECT_EQ(Kept("10.1.0.7", unknown_).endpoint, At("10.1.0.7:7000"));
  EXPECT_EQ(Kept("10.1.0.7", At("127.0.0.1:7000")).endpoint, At("10.1.0.7:7000"))
      << "its loopback is its own machine";
  EXPECT_EQ(Kept("10.1.0.7", At("203.0.113.5:80")).endpoint, At("203.0.113.5:80")) << "it advertises this";
}

TEST_F(PeerAddressesTest, APeerOnTheTrackersMachineIsKeptAtLoopback) {
  for (const char* source : {"127.0.0.1", "127.9.9.9", "10.1.0.1", "10.2.0.1"}) {
    EXPECT_EQ(Kept(source, unknown_).endpoint, At("127.0.0.1:7000")) << source;
  }
  for (const char* source : {"::1", "2001:db8:1::1"}) {
    EXPECT_EQ(Kept(source, unknown_).endpoint, At("[::1]:7000")) << source;
  }
}

TEST_F(PeerAddressesTest, ACallerAtLoopbackAtAnOwnAddressOrAtNoneIsHere) {
  for (const char* source : {"127.0.0.1", "127.9.9.9", "10.2.0.1", "::1", "2001:db8:1::1", "0.0.0.0", "::"})
    EXPECT_TRUE(addresses_.IsHere(Ip(source))) << source;
  for (const char* source : {"10.1.0.2", "192.0.2.1", "2001:db8:1::2"})
    EXPECT_FALSE(addresses_.IsHere(Ip(source))) << source;
}

TEST_F(PeerAddressesTest, KeptAddressesAreUniqueAndUsable) {
  const auto kept =
      Kept("10.1.0.7", unknown_,
           {At("10.1.0.7:7000"), At("[fe80::7]:7000"), At("10.2.0.7:7000"), At("10.2.0.7:7000")});
  EXPECT_EQ(kept.endpoint, At("10.1.0.7:7000"));
  EXPECT_THAT(kept.other_endpoints, ElementsAre(At("10.2.0.7:7000")));
  EXPECT_EQ(Kept("fe80::7", unknown_, {At("10.1.0.7:7000")}).endpoint, At("10.1.0.7:7000"));
  EXPECT_EQ(Kept("fe80::7", unknown_).endpoint, At("[fe80::7]:7000")) << "there is nothing better";
}

TEST_F(PeerAddressesTest, ALoopbackPeerIsNamedByTheAddressAtWhichTheCallerReachedTheTracker) {
  const Endpoint here = At("127.0.0.1:7000");
  EXPECT_EQ(Named({Ip("10.1.0.9"), Ip("10.1.0.1")}, here).endpoint, At("10.1.0.1:7000"));
  EXPECT_EQ(Named({Ip("10.2.0.9"), Ip("10.2.0.1")}, here).endpoint, At("10.2.0.1:7000"));
  EXPECT_EQ(Named({Ip("2001:db8:1::9"), Ip("2001:db8:1::1")}, here).endpoint, At("[2001:db8:1::1]:7000"));
  EXPECT_EQ(Named({Ip("127.0.0.1"), Ip("127.0.0.1")}, here).endpoint, here);
  EXPECT_EQ(Named({Ip("::1"), Ip("::1")}, here).endpoint, At("[::1]:7000"));
  EXPECT_EQ(Named({Ip("10.1.0.9"), IpAddress()}, here).endpoint, here) << "the tracker does not know better";
  EXPECT_EQ(Named({Ip("10.1.0.9"), Ip("10.1.0.1")}, At("10.3.0.3:1")).endpoint, At("10.3.0.3:1"));
}

TEST_F(PeerAddressesTest, TheAddressThatSuitsTheCallerComesFirst) {
  const std::vector<Endpoint> others = {At("10.2.0.7:7000"), At("[2001:db8:1::7]:7000")};
  const auto same_network = Named({Ip("10.2.0.9"), Ip("10.2.0.1")}, At("10.1.0.7:7000"), others);
  EXPECT_EQ(same_network.endpoint, At("10.2.0.7:7000"));
  EXPECT_THAT(same_network.other_endpoints, ElementsAre(At("10.1.0.7:7000"), At("[2001:db8:1::7]:7000")));
  const auto v6 = Named({Ip("2001:db8:9::9"), Ip("2001:db8:1::1")}, At("10.1.0.7:7000"), others);
  EXPECT_EQ(v6.endpoint, At("[2001:db8:1::7]:7000"));
  EXPECT_EQ(Named({Ip("192.0.2.1"), Ip("10.1.0.1")}, At("10.1.0.7:7000"), others).endpoint,
            At("10.1.0.7:7000"));
}

TEST_F(PeerAddressesTest, TheTrackersAddressIsNotNamedTwice) {
  const auto peer = Named({Ip("10.2.0.9"), Ip("10.2.0.1")}, At("127.0.0.1:7000"),
                          {At("10.1.0.1:7000"), At("10.2.0.1:7000")});
  EXPECT_EQ(peer.endpoint, At("10.2.0.1:7000"));
  EXPECT_THAT(peer.other_endpoints, ElementsAre(At("10.1.0.1:7000")));
}

TEST_F(PeerAddressesTest, PeersWithOneAddressElsewhereNeedNoCaller) {
  tracking::PeerInfo peer;
  peer.endpoint = At("10.1.0.7:7000");
  EXPECT_FALSE(PeerAddresses::DependsOnCaller(peer));
  peer.other_endpoints = {At("10.2.0.7:7000")};
  EXPECT_TRUE(PeerAddresses::DependsOnCaller(peer));
  peer.other_endpoints.clear();
  peer.endpoint = At("[::1]:7000");
  EXPECT_TRUE(PeerAddresses::DependsOnCaller(peer));
}

TEST_F(PeerAddressesTest, NewAddressesOfTheMachineAreNoticed) {
  std::vector<IpAddress> own;
  CurrentPeerAddresses current([&] { return own; });
  const auto before = current.Snapshot();
  own = {Ip("10.1.0.1")};
  current.Refresh();
  EXPECT_EQ(before->Kept(Ip("10.1.0.1")), Ip("10.1.0.1"));
  EXPECT_EQ(current.Snapshot()->Kept(Ip("10.1.0.1")), Ip("127.0.0.1"));
}

}  // namespace
}  // namespace shoal::tracker
