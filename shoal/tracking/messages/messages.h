#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "shoal/base/endpoint.h"
#include "shoal/base/strong_index.h"
#include "shoal/content/manifest/chunk_set.h"
#include "shoal/content/manifest/id_prefix.h"
#include "shoal/content/manifest/ids.h"
#include "shoal/content/manifest/publisher_signature.h"
#include "shoal/content/manifest/signing_key.h"

namespace shoal::tracking {

// The messages between a tracker and its clients as plain values, with the fields and limits of
// protos/shoal/tracker/v1/messages.proto, which describes each. The registry and all code that is tested
// without a server use these; shoal/tracking/messages/proto_conversion.h converts them to protobuf and back
// at the edges.

using LeaseId = StrongIndex<struct LeaseIdTag, uint64_t>;

inline constexpr uint32_t kMaxPeersPerResponse = 200;
inline constexpr uint32_t kDefaultPeersPerResponse = 50;
inline constexpr uint32_t kMaxLeasesPerHeartbeat = 10'000;
inline constexpr uint32_t kMaxReportsPerHeartbeat = 200;
inline constexpr uint32_t kMaxRegistrationsPerMessage = 1000;
inline constexpr uint32_t kMaxPeersPerRegisterMany = 5000;
inline constexpr uint32_t kMaxContentsPerLookup = 1000;
inline constexpr uint32_t kMaxPeersPerLookupMany = 5000;
inline constexpr size_t kMaxEndpointsPerPeer = 8;
inline constexpr uint32_t kMaxSignaturesPerContent = 16;
// The maximum length of one encoded ticket. Leaves room for later versions: Ticket::kEncodedBytes is the
// length in this one.
inline constexpr size_t kMaxTicketBytes = 1024;

inline constexpr uint32_t kMaxLeftOut = 1'000'000'000;

struct ContentSummary {
  ContentId id;
  std::string name;
  uint64_t length_bytes = 0;
  uint32_t chunk_size_bytes = 0;
  uint32_t chunk_count = 0;
  uint32_t file_count = 0;
  // Entries of the published folder that the content does not have, as a publisher counts them; at most
  // kMaxLeftOut. It follows from no manifest: a peer that re-seeds says 0.
  uint32_t left_out = 0;

  // Whether both can be of the same manifest.
  bool Agrees(const ContentSummary& other) const {
    ContentSummary same = other;
    same.left_out = left_out;
    return *this == same;
  }
  friend bool operator==(const ContentSummary&, const ContentSummary&) = default;
};

struct PeerInfo {
  PeerId id;
  Endpoint endpoint;
  bool complete = false;
  uint32_t chunks_held = 0;
  uint32_t free_slots = 0;
  std::vector<Endpoint> other_endpoints = {};  // to try after `endpoint`; at most kMaxEndpointsPerPeer - 1

  friend bool operator==(const PeerInfo&, const PeerInfo&) = default;
};

struct ContentStatus {
  ContentSummary summary;
  absl::Time first_seen;
  uint32_t seeders = 0;
  uint32_t leechers = 0;
  uint32_t publishers = 0;                      // among them
  absl::Time published = absl::InfinitePast();  // when a peer last began to publish it; never: InfinitePast
  std::vector<PublisherSignature> signatures = {};  // of different keys; at most kMaxSignaturesPerContent
};

struct RegisterRequest {
  PeerId peer_id;
  PeerSecret peer_secret;  // all zero: the request has none
  Endpoint endpoint;       // ip unspecified or loopback: the source address of the request
  ContentSummary content;
  ChunkSet held;  // size() == content.chunk_count
  uint32_t free_slots = 0;
  uint32_t max_peers = 0;
  std::string site = {};                       // as CheckSite lets it through; empty: none
  bool publishes = false;                      // it offers the content under its name; false: it re-seeds
  std::vector<Endpoint> other_endpoints = {};  // as `endpoint`; at most kMaxEndpointsPerPeer - 1
  std::optional<PublisherSignature> signature = {};  // of `content`; whether it is right is not checked yet
};

struct RegisterResponse {
  LeaseId lease_id;
  absl::Duration ttl;
  absl::Duration heartbeat_interval;
  std::vector<PeerInfo> peers;
  std::optional<PublicKey> ticket_issuer = {};  // the key of the tracker's tickets; none: it issues none
};

struct RegisterManyRequest {
  std::vector<absl::StatusOr<RegisterRequest>> registrations;  // an error: that one is malformed; never sent
};

struct RegisterManyResponse {
  std::vector<absl::StatusOr<RegisterResponse>> outcomes;  // in the order of the request
  std::optional<PublicKey> ticket_issuer = {};             // as in RegisterResponse, once for all
};

struct LeaseBeat {
  LeaseId lease_id;
  std::vector<ChunkRange> gained;
  uint32_t free_slots = 0;
  uint64_t sent_bytes = 0;
  uint64_t received_bytes = 0;
  uint64_t send_rate_bytes_per_second = 0;
  uint64_t receive_rate_bytes_per_second = 0;
};

// A bad peer, as the holder of `lease_id` has found it.
struct PeerReport {
  enum class Reason { kDead, kLying };

  LeaseId lease_id;  // the reporter's own: says the content
  PeerId peer;
  Reason reason = Reason::kDead;

  friend bool operator==(const PeerReport&, const PeerReport&) = default;
};

struct HeartbeatRequest {
  PeerId peer_id;
  PeerSecret peer_secret;  // as in RegisterRequest
  std::vector<LeaseBeat> leases;
  std::vector<PeerReport> reports = {};
};

struct HeartbeatResponse {
  absl::Duration ttl;
  absl::Duration heartbeat_interval;
  std::vector<LeaseId> register_again;          // leases that the tracker does not know
  std::optional<PublicKey> ticket_issuer = {};  // as in RegisterResponse
};

// By id or by name. A BitTorrent swarm has an info hash, which only GetSwarm accepts.
using ContentKey = std::variant<ContentId, std::string, InfoHash>;

struct LookupRequest {
  ContentKey content;
  std::optional<PeerId> exclude;
  uint32_t max_peers = 0;  // 0: kDefaultPeersPerResponse
  std::string site = {};   // as in RegisterRequest
  // The caller's secret, to request a ticket for its peer id. All zero: no ticket is requested. Datagrams
  // leave it out.
  PeerSecret peer_secret = {};
};

struct LookupResponse {
  std::vector<ContentStatus> contents;  // several only for a name; newest first
  std::vector<PeerInfo> peers;          // only with exactly one content
  bool truncated = false;               // by the UDP listener: there are more peers than fitted
  // Not zero while the tracker is younger than one lease: the time until all live peers have registered again
  // with it. With NOT_FOUND, WarmUpOf(status) returns it.
  absl::Duration warming_up = {};
  std::string ticket =
      {};  // for the caller and the one content, encoded; at most kMaxTicketBytes. Empty: none
};

struct LookupManyRequest {
  std::vector<ContentId> contents;
  std::optional<PeerId> exclude;
  uint32_t max_peers = 0;  // of each; 0: kDefaultPeersPerResponse
  std::string site = {};
  PeerSecret peer_secret = {};  // as in LookupRequest
};

struct LookupManyResponse {
  // In the order of the request; without contents where one is not known.
  std::vector<LookupResponse> results;
  absl::Duration warming_up = {};  // as in LookupResponse, for all results
};

struct ListContentsRequest {
  std::string name_contains;
  uint32_t page_size = 0;
  std::string page_token;
  std::optional<IdPrefix> id_prefix = {};  // nothing: all ids
};

struct BitTorrentSwarm {
  InfoHash info_hash;
  absl::Time first_seen;
  uint32_t seeders = 0;
  uint32_t leechers = 0;
  uint32_t completed = 0;
};

struct BitTorrentPeer {
  Endpoint endpoint;
  bool complete = false;
  absl::Duration silent_for;
};

struct ListContentsResponse {
  std::vector<ContentStatus> contents;
  std::string next_page_token;
  std::vector<BitTorrentSwarm> bittorrent_swarms = {};
  absl::Duration warming_up = {};  // as in LookupResponse
};

struct SwarmPeer {
  PeerInfo peer;
  ChunkSet held;
  absl::Duration lease_left;
  absl::Time registered;
  LeaseBeat totals;  // the last beat: sent, received, rates; without a lease id
  std::string site = {};
  bool publishes = false;  // as in RegisterRequest
};

struct GetSwarmResponse {
  ContentStatus content;
  std::vector<SwarmPeer> peers;
  std::optional<BitTorrentSwarm> bittorrent_swarm = {};  // instead of both, when an info hash was asked for
  std::vector<BitTorrentPeer> bittorrent_peers = {};
};

struct WatchRequest {
  ContentId content;
  std::optional<PeerId> exclude;
};

// A change of a swarm: a peer joined or became complete, or it left.
using SwarmEvent = std::variant<PeerInfo, PeerId>;

struct LeaveRequest {
  PeerId peer_id;
  PeerSecret peer_secret;          // as in RegisterRequest
  std::vector<LeaseId> lease_ids;  // empty: all
};

struct LeaveResponse {
  uint32_t ended = 0;
};

}  // namespace shoal::tracking
