#include "shoal/tracking/messages/lookup_response_conversion.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "google/protobuf/io/coded_stream.h"
#include "shoal/tracker/v1/messages.pb.h"
#include "shoal/tracking/messages/content_conversion.h"

namespace shoal::tracking {
namespace {

namespace pb = ::shoal::tracker::v1;
using google::protobuf::io::CodedOutputStream;

constexpr uint32_t kVarint = 0;
constexpr uint32_t kLengthDelimited = 2;

constexpr char kHexDigits[] = "0123456789abcdef";

// All that a peer takes, its tag and length included: two ids (18 and 34), an endpoint of 39 bytes of text
// and a port (47), a bool (2) and two numbers (6 each).
constexpr size_t kMaxPeerBytes = 128;

// All field numbers here are below 16, and all lengths below 128: a byte each.
uint8_t* PutTag(int field, uint32_t type, uint8_t* to) {
  *to = static_cast<uint8_t>(static_cast<uint32_t>(field) << 3 | type);
  return to + 1;
}

uint8_t* PutNumber(int field, uint32_t value, uint8_t* to) {
  if (value == 0) return to;
  return CodedOutputStream::WriteVarint32ToArray(value, PutTag(field, kVarint, to));
}

// Writes a field whose length is known when `write` has written it.
template <typename Write>
uint8_t* PutBytes(int field, uint8_t* to, Write write) {
  uint8_t* const length = PutTag(field, kLengthDelimited, to);
  uint8_t* const end = write(length + 1);
  *length = static_cast<uint8_t>(end - length - 1);
  return end;
}

uint8_t* PutDecimal(uint8_t value, uint8_t* to) {
  if (value >= 100) *to++ = static_cast<uint8_t>('0' + value / 100);
  if (value >= 10) *to++ = static_cast<uint8_t>('0' + value / 10 % 10);
  *to++ = static_cast<uint8_t>('0' + value % 10);
  return to;
}

uint8_t* PutAddress(const IpAddress& ip, uint8_t* to) {
  if (ip.is_v4()) {
    for (size_t i = 12; i < 16; ++i) {
      if (i > 12) *to++ = '.';
      to = PutDecimal(ip.bytes()[i], to);
    }
    return to;
  }
  const std::string text = ip.ToString();
  return std::copy(text.begin(), text.end(), to);
}

uint8_t* PutPeer(const PeerInfo& peer, uint8_t* to) {
  const auto& id = peer.id.bytes();
  to = PutBytes(pb::Peer::kPeerIdFieldNumber, to,
                [&](uint8_t* at) { return std::copy(id.begin(), id.end(), at); });
  to = PutBytes(pb::Peer::kPeerHexFieldNumber, to, [&](uint8_t* at) {
    for (const uint8_t byte : id) {
      *at++ = static_cast<uint8_t>(kHexDigits[byte >> 4]);
      *at++ = static_cast<uint8_t>(kHexDigits[byte & 15]);
    }
    return at;
  });
  to = PutBytes(pb::Peer::kEndpointFieldNumber, to, [&](uint8_t* at) {
    if (!peer.endpoint.ip.is_unspecified()) {
      at = PutBytes(pb::Endpoint::kIpFieldNumber, at,
                    [&](uint8_t* text) { return PutAddress(peer.endpoint.ip, text); });
    }
    return PutNumber(pb::Endpoint::kPortFieldNumber, peer.endpoint.port, at);
  });
  to = PutNumber(pb::Peer::kCompleteFieldNumber, peer.complete ? 1 : 0, to);
  to = PutNumber(pb::Peer::kChunksHeldFieldNumber, peer.chunks_held, to);
  return PutNumber(pb::Peer::kFreeSlotsFieldNumber, peer.free_slots, to);
}

}  // namespace

std::string EncodeLookupResponse(const LookupResponse& response) {
  pb::LookupResponse contents;
  for (const ContentStatus& content : response.contents) ToProto(content, contents.add_contents());
  std::string bytes;
  bytes.reserve(contents.ByteSizeLong() + response.peers.size() * kMaxPeerBytes);
  contents.AppendToString(&bytes);
  for (const PeerInfo& peer : response.peers) {
    uint8_t encoded[kMaxPeerBytes];
    const uint8_t* const end = PutBytes(pb::LookupResponse::kPeersFieldNumber, encoded,
                                        [&](uint8_t* at) { return PutPeer(peer, at); });
    bytes.append(reinterpret_cast<const char*>(encoded), static_cast<size_t>(end - encoded));
  }
  return bytes;
}

}  // namespace shoal::tracking
