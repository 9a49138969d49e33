#include "shoal/tracking/messages/lookup_response_conversion.h"

#include <limits>
#include <string>

#include "gtest/gtest.h"
#include "shoal/tracker/v1/messages.pb.h"
#include "shoal/tracking/messages/proto_conversion.h"
#include "shoal/tracking/messages/sample_messages.h"

namespace shoal {
namespace {

std::string ByWayOfProto(const LookupReply& reply) {
  pb::LookupReply message;
  ToProto(reply, &message);
  return message.SerializeAsString();
}

TEST(LookupReplyConversionTest, GivesTheBytesThatProtobufGives) {
  EXPECT_EQ(EncodeLookupReply(LookupReply()), ByWayOfProto(LookupReply()));
  for (const auto& reply : {sample::Found(1, 0), sample::Found(1, 50), sample::Found(20, 3)}) {
    EXPECT_EQ(EncodeLookupReply(reply), ByWayOfProto(reply));
  }
}

TEST(LookupReplyConversionTest, EveryValueOfAPeerComesThrough) {
  LookupReply reply = sample::Found(1, 0);
  for (const char* ip : {"0.0.0.0", "1.20.255.100", "255.255.255.255", "::", "::1", "2001:db8::99",
                         "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe"}) {
    for (const uint32_t number : {0u, 1u, 127u, 128u, std::numeric_limits<uint32_t>::max()}) {
      PeerInfo peer = sample::Info(number);
      peer.endpoint = {*IpAddress::Parse(ip), static_cast<uint16_t>(number)};
      peer.complete = number % 2 == 1;
      peer.chunks_held = number;
      peer.free_slots = number;
      reply.peers.push_back(peer);
    }
  }
  EXPECT_EQ(EncodeLookupReply(reply), ByWayOfProto(reply));
}

}  // namespace
}  // namespace shoal
