#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "shoal/base/byte_order.h"
#include "shoal/content/manifest/peer_identity.h"
#include "shoal/tracking/messages/messages.h"

// Requests for tests of the tracker. Contents and peers are numbered.
namespace shoal::tracker {

inline ContentId TestContentId(uint32_t number) {
  std::array<uint8_t, 32> bytes{};
  StoreBig(number * 2'654'435'761u, bytes.data());  // spread over the shards
  StoreBig(number, bytes.data() + 28);
  bytes[16] = 0xc0;
  return ContentId(bytes);
}

inline PeerSecret TestPeerSecret(uint32_t number) {
  std::array<uint8_t, 32> bytes{};
  StoreBig(number, bytes.data());
  bytes[31] = 0xee;
  return PeerSecret(bytes);
}

inline PeerId TestPeerId(uint32_t number) {
  return PeerIdOf(TestPeerSecret(number));
}

inline Endpoint TestEndpoint(uint32_t peer) {
  std::array<uint8_t, 4> ip;
  StoreBig(0x0a000000u + peer, ip.data());
  return {IpAddress::V4(ip), static_cast<uint16_t>(7000 + peer % 1000)};
}

// The number of the peer with this endpoint.
inline uint32_t TestPeerAt(const Endpoint& endpoint) {
  return LoadBig<uint32_t>(endpoint.ip.bytes().data() + 12) - 0x0a000000u;
}

inline tracking::ContentSummary TestContent(uint32_t number, const std::string& name = "",
                                            uint32_t chunk_count = 10) {
  tracking::ContentSummary content;
  content.id = TestContentId(number);
  content.name = name.empty() ? "content-" + std::to_string(number) : name;
  content.chunk_size_bytes = 512 * 1024;
  content.chunk_count = chunk_count;
  content.length_bytes = uint64_t{chunk_count} * content.chunk_size_bytes;
  content.file_count = 1;
  return content;
}

inline tracking::RegisterRequest TestRegister(uint32_t peer, const tracking::ContentSummary& content,
                                              uint32_t chunks_held, uint32_t max_peers = 0) {
  tracking::RegisterRequest request;
  request.peer_id = TestPeerId(peer);
  request.peer_secret = TestPeerSecret(peer);
  request.endpoint = TestEndpoint(peer);
  request.content = content;
  request.held = ChunkSet(content.chunk_count);
  for (uint32_t chunk = 0; chunk < chunks_held; ++chunk) request.held.Insert(ChunkIndex(chunk));
  request.free_slots = 4;
  request.max_peers = max_peers;
  return request;
}

// It publishes the content.
inline tracking::RegisterRequest TestSeeder(uint32_t peer, const tracking::ContentSummary& content,
                                            uint32_t max_peers = 0) {
  tracking::RegisterRequest request = TestRegister(peer, content, content.chunk_count, max_peers);
  request.publishes = true;
  return request;
}

inline tracking::HeartbeatRequest TestHeartbeat(uint32_t peer, const std::vector<tracking::LeaseId>& leases,
                                                const std::vector<ChunkRange>& gained = {}) {
  tracking::HeartbeatRequest request;
  request.peer_id = TestPeerId(peer);
  request.peer_secret = TestPeerSecret(peer);
  for (const tracking::LeaseId lease : leases) {
    tracking::LeaseBeat beat;
    beat.lease_id = lease;
    beat.gained = gained;
    beat.free_slots = 4;
    request.leases.push_back(beat);
  }
  return request;
}

// `leases`: empty: all of the peer.
inline tracking::LeaveRequest TestLeave(uint32_t peer, const std::vector<tracking::LeaseId>& leases = {}) {
  return {TestPeerId(peer), TestPeerSecret(peer), leases};
}

}  // namespace shoal::tracker
