#include <limits>
#include <string>

#include "gtest/gtest.h"
#include "shoal/tracker/v1/messages.pb.h"
#include "shoal/tracking/messages/proto_conversion.h"
#include "shoal/tracking/messages/sample_messages.h"

namespace shoal::tracking {
namespace {

std::string ByWayOfProto(const LookupResponse& response) {
  pb::LookupResponse message;
  ToProto(response, &message);
  return message.SerializeAsString();
}

TEST(LookupConversionTest, TheEncoderMatchesProtobuf) {
  EXPECT_EQ(EncodeLookupResponse(LookupResponse()), ByWayOfProto(LookupResponse()));
  for (const auto& response : {sample::Found(1, 0), sample::Found(1, 50), sample::Found(20, 3)}) {
    EXPECT_EQ(EncodeLookupResponse(response), ByWayOfProto(response));
  }
}

TEST(LookupConversionTest, EncodesEveryValueOfAPeer) {
  LookupResponse response = sample::Found(1, 0);
  response.ticket = std::string(168, 't');
  for (const char* ip : {"0.0.0.0", "1.20.255.100", "255.255.255.255", "::", "::1", "2001:db8::99",
                         "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe"}) {
    for (const uint32_t number : {0u, 1u, 127u, 128u, std::numeric_limits<uint32_t>::max()}) {
      PeerInfo peer = sample::Info(number);
      peer.endpoint = {*IpAddress::Parse(ip), static_cast<uint16_t>(number)};
      peer.complete = number % 2 == 1;
      peer.chunks_held = number;
      peer.free_slots = number;
      response.peers.push_back(peer);
    }
  }
  EXPECT_EQ(EncodeLookupResponse(response), ByWayOfProto(response));
}

TEST(LookupConversionTest, EncodesPeersWithSeveralEndpoints) {
  LookupResponse response = sample::Found(1, 0);
  PeerInfo peer = sample::Info(1);
  peer.chunks_held = peer.free_slots = std::numeric_limits<uint32_t>::max();
  peer.complete = true;
  const IpAddress longest = *IpAddress::Parse("ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe");
  for (size_t others = 0; others < kMaxEndpointsPerPeer; ++others) {
    response.peers.push_back(peer);
    peer.other_endpoints.push_back({longest, 65535});
  }
  EXPECT_EQ(EncodeLookupResponse(response), ByWayOfProto(response));
  pb::LookupResponse parsed;
  ASSERT_TRUE(parsed.ParseFromString(EncodeLookupResponse(response)));
  EXPECT_EQ(FromProto(parsed)->peers, response.peers);
}

TEST(LookupConversionTest, EncodesTheWarmUp) {
  LookupResponse response = sample::Found(1, 2);
  response.warming_up = absl::Milliseconds(12'345);
  EXPECT_EQ(EncodeLookupResponse(response), ByWayOfProto(response));
  pb::LookupResponse parsed;
  ASSERT_TRUE(parsed.ParseFromString(EncodeLookupResponse(response)));
  EXPECT_EQ(FromProto(parsed)->warming_up, response.warming_up);
}

}  // namespace
}  // namespace shoal::tracking
