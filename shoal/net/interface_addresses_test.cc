#include "shoal/net/interface_addresses.h"

#include <algorithm>

#include "gtest/gtest.h"

namespace shoal::net {
namespace {

IpAddress Ip(const char* text) {
  return *IpAddress::Parse(text);
}

TEST(InterfaceAddressesTest, RecognizesLoopback) {
  for (const char* ip : {"127.0.0.1", "127.255.0.9", "::1"}) EXPECT_TRUE(IsLoopback(Ip(ip))) << ip;
  for (const char* ip : {"128.0.0.1", "::2", "::", "10.0.0.1"}) EXPECT_FALSE(IsLoopback(Ip(ip))) << ip;
}

TEST(InterfaceAddressesTest, RecognizesLinkLocal) {
  for (const char* ip : {"169.254.3.4", "fe80::1", "febf::1"}) EXPECT_TRUE(IsLinkLocal(Ip(ip))) << ip;
  for (const char* ip : {"169.253.3.4", "fec0::1", "fd00::1"}) EXPECT_FALSE(IsLinkLocal(Ip(ip))) << ip;
}

TEST(InterfaceAddressesTest, BridgesReachLessThanNetworks) {
  EXPECT_EQ(ReachOf(Ip("192.0.2.1"), "eth0"), AddressReach::kNetwork);
  EXPECT_EQ(ReachOf(Ip("192.0.2.1"), "br0"), AddressReach::kNetwork);
  EXPECT_EQ(ReachOf(Ip("172.17.0.1"), "docker0"), AddressReach::kBridge);
  EXPECT_EQ(ReachOf(Ip("172.18.0.1"), "br-0123456789ab"), AddressReach::kBridge);
  EXPECT_EQ(ReachOf(Ip("fe80::1"), "docker0"), AddressReach::kLinkLocal);
  EXPECT_EQ(ReachOf(Ip("127.0.0.1"), "lo"), AddressReach::kLoopback);
}

TEST(InterfaceAddressesTest, ListsLoopbackAndSortsByReach) {
  const std::vector<InterfaceAddress> addresses = InterfaceAddresses();
  EXPECT_TRUE(std::any_of(addresses.begin(), addresses.end(),
                          [](const InterfaceAddress& address) { return IsLoopback(address.ip); }));
  EXPECT_TRUE(
      std::is_sorted(addresses.begin(), addresses.end(),
                     [](const InterfaceAddress& a, const InterfaceAddress& b) { return a.reach < b.reach; }));
  for (const InterfaceAddress& address : addresses) EXPECT_FALSE(address.interface.empty());
}

}  // namespace
}  // namespace shoal::net
