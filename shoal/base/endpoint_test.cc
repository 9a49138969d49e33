#include "shoal/base/endpoint.h"

#include <gtest/gtest.h>

#include "absl/status/status.h"

namespace shoal {
namespace {

TEST(IpAddress, ParsesAndFormatsBothFamilies) {
  for (const char* text : {"192.0.2.7", "0.0.0.0", "255.255.255.255", "::", "::1", "2001:db8::1"}) {
    const absl::StatusOr<IpAddress> address = IpAddress::Parse(text);
    ASSERT_TRUE(address.ok()) << text;
    EXPECT_EQ(address->ToString(), text);
  }
  EXPECT_TRUE(IpAddress::Parse("10.0.0.1")->is_v4());
  EXPECT_FALSE(IpAddress::Parse("2001:db8::1")->is_v4());
  EXPECT_EQ(*IpAddress::Parse("::ffff:192.0.2.7"), IpAddress::V4({192, 0, 2, 7}));
}

TEST(IpAddress, RefusesNames) {
  for (const std::string& text :
       {std::string("localhost"), std::string(""), std::string("1.2.3"), std::string("1.2.3.4 "),
        std::string("1.2.3.4\0x", 9), std::string("::1%lo"), std::string("1.2.3.256")}) {
    EXPECT_EQ(IpAddress::Parse(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(IpAddress, RecognisesTheUnspecifiedAddress) {
  EXPECT_TRUE(IpAddress().is_unspecified());
  EXPECT_TRUE(IpAddress::V4({0, 0, 0, 0}).is_unspecified());
  EXPECT_FALSE(IpAddress::V4({0, 0, 0, 1}).is_unspecified());
  EXPECT_FALSE(IpAddress::Parse("::1")->is_unspecified());
}

TEST(IpAddress, ASourceIsAnIpv4AddressOrTheFirstHalfOfAnIpv6Address) {
  const IpAddress v4 = IpAddress::V4({192, 0, 2, 7});
  EXPECT_EQ(v4.SourcePrefix(), v4);
  EXPECT_EQ(IpAddress::Parse("2001:db8:1:2:3:4:5:6")->SourcePrefix(), *IpAddress::Parse("2001:db8:1:2::"));
}

TEST(Endpoint, SurvivesFormattingAndParsing) {
  for (const char* text : {"192.0.2.7:6881", "[2001:db8::1]:1", "127.0.0.1:0", "[::]:65535"}) {
    const absl::StatusOr<Endpoint> endpoint = Endpoint::Parse(text);
    ASSERT_TRUE(endpoint.ok()) << endpoint.status();
    EXPECT_EQ(endpoint->ToString(), text);
  }
  EXPECT_FALSE(Endpoint::Parse("localhost:80").ok());
}

TEST(HostPort, AcceptsNamesAndAddresses) {
  EXPECT_EQ(HostPort::Parse("tracker.example:50051")->host, "tracker.example");
  EXPECT_EQ(HostPort::Parse("[::1]:7")->host, "::1");
  EXPECT_EQ(HostPort::Parse("[::1]:7")->port, 7);
  EXPECT_EQ(HostPort::Parse("[::1]:7")->ToString(), "[::1]:7");
}

TEST(HostPort, RefusesMalformedText) {
  for (const char* text :
       {"", ":", "host", "host:", ":1", "host:65536", "host:-1", "host:+1", "host: 1", "host:1x", "::1:7",
        "[::1]", "[::1]7", "[host]:7", "[]:7", "a b:7", "a/b:7", "host:000001"}) {
    EXPECT_EQ(HostPort::Parse(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(ResolveHost, NeedsNoResolverForNumbers) {
  for (const char* number : {"192.0.2.7", "::1"}) {
    const auto addresses = ResolveHost(number);
    ASSERT_TRUE(addresses.ok()) << addresses.status();
    ASSERT_EQ(addresses->size(), 1u);
    EXPECT_EQ(addresses->front().ToString(), number);
  }
}

TEST(ResolveHost, TakesNoZone) {
  EXPECT_EQ(ResolveHost("fe80::1%lo").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(ResolveListener, PrefersIpV4) {
  EXPECT_EQ(ResolveListener({"localhost", 81})->ToString(), "127.0.0.1:81");
  EXPECT_EQ(ResolveListener({"::1", 81})->ToString(), "[::1]:81");
}

TEST(ResolveHost, NamesTheHostInItsError) {
  // A name that can't be: no resolver is asked for it over the network.
  const absl::Status status = ResolveHost("no..name").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_NE(status.message().find("no..name"), absl::string_view::npos);
}

}  // namespace
}  // namespace shoal
