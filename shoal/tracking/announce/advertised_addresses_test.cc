#include "shoal/tracking/announce/advertised_addresses.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "shoal/tracking/messages/messages.h"

namespace shoal::tracking {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

IpAddress Ip(const char* text) {
  return *IpAddress::Parse(text);
}

Endpoint At(const char* text) {
  return *Endpoint::Parse(text);
}

net::InterfaceAddress On(const char* interface, const char* ip) {
  return {Ip(ip), interface, net::ReachOf(Ip(ip), interface)};
}

// In the order that InterfaceAddresses guarantees.
LocalNetwork Machine() {
  return {{On("eth0", "192.0.2.7"), On("eth1", "198.51.100.7"), On("eth0", "2001:db8::7"),
           On("docker0", "172.17.0.1"), On("eth0", "fe80::7"), On("lo", "127.0.0.1"), On("lo", "::1")},
          false};
}

const Endpoint kAnywhere{IpAddress(), 7000};

TEST(AdvertisedAddressesTest, ParsesHostsWithAndWithoutPorts) {
  const auto hosts =
      ParseAdvertised("files.example, 192.0.2.7:81,2001:db8::7,[2001:db8::8],[2001:db8::9]:82");
  ASSERT_TRUE(hosts.ok()) << hosts.status();
  ASSERT_EQ(hosts->size(), 5u);
  EXPECT_EQ((*hosts)[0].host, "files.example");
  EXPECT_EQ((*hosts)[0].port, 0);
  EXPECT_EQ((*hosts)[1].host, "192.0.2.7");
  EXPECT_EQ((*hosts)[1].port, 81);
  EXPECT_EQ((*hosts)[2].host, "2001:db8::7");
  EXPECT_EQ((*hosts)[3].host, "2001:db8::8");
  EXPECT_EQ((*hosts)[3].port, 0);
  EXPECT_EQ((*hosts)[4].host, "2001:db8::9");
  EXPECT_EQ((*hosts)[4].port, 82);
}

TEST(AdvertisedAddressesTest, RejectsOtherText) {
  for (const char* text : {"", "a,,b", "a:0", "a:x", "a:70000", "[x]", "a,b,c,d,e,f,g,h,i"}) {
    EXPECT_EQ(ParseAdvertised(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(AdvertisedAddressesTest, ResolvesNumericHosts) {
  const auto endpoints = ResolveAdvertised({{"192.0.2.7", 0}, {"2001:db8::7", 81}});
  ASSERT_TRUE(endpoints.ok()) << endpoints.status();
  EXPECT_EQ(*endpoints, (std::vector{Endpoint{Ip("192.0.2.7"), 0}, At("[2001:db8::7]:81")}));
}

TEST(AdvertisedAddressesTest, AdvertisesWhatTheFlagNames) {
  const auto chosen = ChooseAdvertised({{Ip("203.0.113.5"), 0}, At("203.0.113.6:81")}, kAnywhere, Machine());
  EXPECT_EQ(chosen.endpoints, (std::vector{At("203.0.113.5:7000"), At("203.0.113.6:81")}));
  EXPECT_THAT(chosen.warning, IsEmpty());
}

TEST(AdvertisedAddressesTest, OtherwiseTheTrackersViewAndThenTheInterfaces) {
  const auto chosen = ChooseAdvertised({}, kAnywhere, Machine());
  EXPECT_EQ(chosen.endpoints, (std::vector{kAnywhere, At("192.0.2.7:7000"), At("198.51.100.7:7000"),
                                           At("[2001:db8::7]:7000"), At("172.17.0.1:7000")}));
  EXPECT_THAT(chosen.warning, IsEmpty());
}

TEST(AdvertisedAddressesTest, APeerThatListensOnOneAddressAdvertisesThatOne) {
  const auto chosen = ChooseAdvertised({}, At("198.51.100.7:7000"), Machine());
  EXPECT_EQ(chosen.endpoints, std::vector{At("198.51.100.7:7000")});
  EXPECT_THAT(chosen.warning, IsEmpty());
}

TEST(AdvertisedAddressesTest, BoundsTheirNumber) {
  LocalNetwork network;
  for (uint8_t i = 1; i <= 20; ++i) {
    network.interfaces.push_back({IpAddress::V4({192, 0, 2, i}), "eth0", net::AddressReach::kNetwork});
  }
  EXPECT_EQ(ChooseAdvertised({}, kAnywhere, network).endpoints.size(), kMaxEndpointsPerPeer);
}

TEST(AdvertisedAddressesTest, WarnsOfAddressesThatNoOtherMachineCanUse) {
  EXPECT_THAT(ChooseAdvertised({}, At("127.0.0.1:7000"), Machine()).warning, HasSubstr("--listen=0.0.0.0"));
  for (const char* useless : {"::1", "224.0.0.1", "255.255.255.255", "ff02::1", "fe80::1", "0.0.0.0"}) {
    EXPECT_THAT(ChooseAdvertised({{Ip(useless), 0}}, kAnywhere, Machine()).warning,
                HasSubstr("--advertise=HOST"))
        << useless;
  }
  const LocalNetwork alone{{On("eth0", "169.254.1.2"), On("lo", "127.0.0.1")}, false};
  const auto chosen = ChooseAdvertised({}, kAnywhere, alone);
  EXPECT_EQ(chosen.endpoints, (std::vector{kAnywhere, At("169.254.1.2:7000")}));
  EXPECT_THAT(chosen.warning, HasSubstr("link-local"));
}

TEST(AdvertisedAddressesTest, WarnsInAContainerWithoutAddressesOutside) {
  LocalNetwork network{{On("eth0", "172.18.0.3"), On("lo", "127.0.0.1")}, true};
  EXPECT_THAT(ChooseAdvertised({}, kAnywhere, network).warning, HasSubstr("container"));
  network.in_container = false;
  EXPECT_THAT(ChooseAdvertised({}, kAnywhere, network).warning, IsEmpty());
  network.in_container = true;
  network.interfaces.insert(network.interfaces.begin(), On("eth1", "192.0.2.7"));
  EXPECT_THAT(ChooseAdvertised({}, kAnywhere, network).warning, IsEmpty()) << "the host's network";
}

}  // namespace
}  // namespace shoal::tracking
