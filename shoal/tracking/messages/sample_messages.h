#pragma once

#include <cstdint>
#include <string>

#include "shoal/content/manifest/peer_identity.h"
#include "shoal/tracking/messages/messages.h"

// Messages with every field set, for the tests of this folder and for the seeds of the fuzz targets.
namespace shoal::tracking::sample {

inline ContentId Content(uint8_t n) {
  std::array<uint8_t, 32> bytes{};
  bytes.fill(n);
  bytes[0] = 0xC0;
  return ContentId(bytes);
}

inline PeerSecret Secret(uint8_t n) {
  std::array<uint8_t, 32> bytes{};
  bytes.fill(n);
  bytes[0] = 0x5E;
  return PeerSecret(bytes);
}

inline PeerId Peer(uint8_t n) {
  return PeerIdOf(Secret(n));
}

inline Endpoint At(uint8_t n) {
  return {IpAddress::V4({192, 0, 2, n}), static_cast<uint16_t>(6000 + n)};
}

// Of 100 chunks in 3 files.
inline tracking::ContentSummary Summary(uint8_t n, std::string name = "content.bin") {
  return {Content(n), std::move(name), 98 * 65536 + 5, 65536, 100, 3, n};
}

inline ChunkSet Held() {
  ChunkSet held(100);
  for (const uint32_t chunk : {0u, 1u, 2u, 50u, 99u}) held.Insert(ChunkIndex(chunk));
  return held;
}

inline tracking::PeerInfo Info(uint8_t n) {
  return {Peer(n), At(n), n % 2 == 0, 100u - n % 2, 4};
}

inline tracking::ContentStatus Status(uint8_t n) {
  return {Summary(n), absl::FromUnixMillis(1'700'000'000'123), 3, 4};
}

inline tracking::RegisterRequest Register() {
  return {Peer(1), Secret(1), At(1), Summary(1), Held(), 8, 50, "berlin/7"};
}

inline tracking::RegisterResponse Registered(int peers = 2) {
  tracking::RegisterResponse response{
      tracking::LeaseId(0xFEEDFACECAFEBEEF), absl::Seconds(30), absl::Milliseconds(10'500), {}};
  for (int i = 0; i < peers; ++i) response.peers.push_back(Info(static_cast<uint8_t>(i)));
  return response;
}

inline tracking::LeaseBeat Beat(uint64_t lease) {
  return {
      tracking::LeaseId(lease), {{ChunkIndex(3), 4}, {ChunkIndex(70), 1}}, 2, 1'000'000, 2, 3'000'000'000, 4};
}

inline tracking::HeartbeatRequest Heartbeat() {
  return {Peer(1),
          Secret(1),
          {Beat(7), Beat(8)},
          {{tracking::LeaseId(7), Peer(2), tracking::PeerReport::Reason::kDead},
           {tracking::LeaseId(8), Peer(3), tracking::PeerReport::Reason::kLying}}};
}

inline tracking::HeartbeatResponse Beaten() {
  return {absl::Seconds(30), absl::Seconds(10), {tracking::LeaseId(8), tracking::LeaseId(9)}};
}

inline tracking::LookupRequest Lookup() {
  return {Content(1), Peer(1), 20, "berlin/7", Secret(1)};
}

inline tracking::LookupResponse Found(int contents = 1, int peers = 3) {
  LookupResponse response;
  for (int i = 0; i < contents; ++i) response.contents.push_back(Status(static_cast<uint8_t>(i)));
  for (int i = 0; i < peers; ++i) response.peers.push_back(Info(static_cast<uint8_t>(i)));
  return response;
}

inline LeaveRequest Leave() {
  return {Peer(1), Secret(1), {LeaseId(7), LeaseId(8)}};
}

}  // namespace shoal::tracking::sample
