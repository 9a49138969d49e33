#include "tests/bench/shoal_datagram_load.h"

#include <algorithm>
#include <set>
#include <utility>

#include "services/tracker/registry/test_requests.h"

namespace shoal::tracker {
namespace {

constexpr uint32_t kWantedOfLookup = 50;

size_t Write(const tracking::DatagramRequest& request, uint8_t* to) {
  const auto bytes = request.Encode(tracking::kMinRequestBytes);
  if (!bytes.ok()) return 0;
  std::copy(bytes->begin(), bytes->end(), to);
  return bytes->size();
}

}  // namespace

size_t ShoalDatagramLoad::WriteGreeting(uint32_t tag, uint8_t* to) {
  tracking::DatagramRequest request;
  request.transaction_id = tag;
  request.body = TestLeave(0, {tracking::LeaseId(1)});
  return Write(request, to);
}

bool ShoalDatagramLoad::TakeProof(uint32_t socket, ByteView response) {
  const auto decoded = tracking::DatagramResponse::Decode(response);
  if (!decoded.ok() || !std::holds_alternative<tracking::DatagramCookie>(decoded->body)) return false;
  if (cookies_.size() <= socket) cookies_.resize(socket + 1);
  cookies_[socket] = std::get<tracking::DatagramCookie>(decoded->body).cookie;
  return true;
}

size_t ShoalDatagramLoad::WriteRequest(uint32_t socket, uint32_t tag, uint32_t number, bool filling,
                                       uint8_t* to) {
  tracking::DatagramRequest request;
  request.transaction_id = tag;
  request.cookie = cookies_[socket];
  const uint32_t content = number % options_.contents;
  if (filling) {
    request.body = TestSeeder(number, TestContent(content));
  } else if (random_.Below(1000) < options_.lookups) {
    request.body = tracking::LookupRequest{TestContentId(content), TestPeerId(number), kWantedOfLookup};
  } else {
    request.body = TestHeartbeat(number, {leases_[number]});
  }
  return Write(request, to);
}

uint32_t ShoalDatagramLoad::TagOf(ByteView response) const {
  // The envelope's first field (a tag of one byte, eight bytes, little-endian), behind six bytes of head.
  if (response.size() < 15) return 0;
  return uint32_t{response[7]} | uint32_t{response[8]} << 8 | uint32_t{response[9]} << 16 |
         uint32_t{response[10]} << 24;
}

bool ShoalDatagramLoad::Right(uint32_t number, bool filling, ByteView response) {
  const auto decoded = tracking::DatagramResponse::Decode(response);
  if (!decoded.ok()) return false;
  if (const auto* registered = std::get_if<tracking::RegisterResponse>(&decoded->body)) {
    leases_[number] = registered->lease_id;
    return filling;
  }
  if (const auto* beat = std::get_if<tracking::HeartbeatResponse>(&decoded->body)) {
    return !filling && beat->register_again.empty() && beat->ttl > absl::ZeroDuration();
  }
  if (const auto* found = std::get_if<tracking::LookupResponse>(&decoded->body)) {
    return !filling && RightPeers(number, *found, decoded->truncated);
  }
  return false;
}

bool ShoalDatagramLoad::RightPeers(uint32_t number, const tracking::LookupResponse& response,
                                   bool truncated) const {
  const uint32_t content = number % options_.contents;
  if (response.contents.size() != 1 || response.contents[0].summary.id != TestContentId(content))
    return false;
  const uint32_t others = (options_.peers - content + options_.contents - 1) / options_.contents - 1;
  if (truncated ? response.peers.size() < 10 : response.peers.size() != std::min(kWantedOfLookup, others))
    return false;
  std::set<uint32_t> named;
  for (const tracking::PeerInfo& peer : response.peers) {
    const uint32_t other = TestPeerAt(peer.endpoint);
    if (other == number || other % options_.contents != content || peer.id != TestPeerId(other)) {
      return false;
    }
    if (!peer.complete || !named.insert(other).second) return false;
  }
  return true;
}

}  // namespace shoal::tracker
