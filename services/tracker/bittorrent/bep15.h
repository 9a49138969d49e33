#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"
#include "services/tracker/bittorrent/swarm_peers.h"
#include "shoal/base/byte_order.h"
#include "shoal/base/endpoint.h"
#include "shoal/content/manifest/ids.h"

// The bytes of BitTorrent's UDP tracker protocol (BEP 15), in both directions; docs/wire_format.md has the
// layout. Pure functions; only the client's side allocates. Integers are big-endian.
namespace shoal::tracker::bep15 {

// Upper bound of a response, so that it fits one packet of any network.
inline constexpr size_t kMaxResponseBytes = 1200;
inline constexpr size_t kConnectRequestBytes = 16;
inline constexpr size_t kConnectResponseBytes = 16;
inline constexpr size_t kAnnounceRequestBytes = 98;
inline constexpr size_t kAnnounceHeadBytes = 20;  // of the response; the peers follow
inline constexpr size_t kScrapeHeadBytes = 8;     // of the response; the counts follow
inline constexpr size_t kScrapeEntryBytes = 12;
// About the most that the protocol allows in one packet; further hashes are ignored.
inline constexpr size_t kMaxScrapedHashes = 74;

enum class Event : uint32_t { kNone = 0, kCompleted = 1, kStarted = 2, kStopped = 3 };

struct ConnectRequest {
  uint32_t transaction_id = 0;
};

struct AnnounceRequest {
  uint64_t connection_id = 0;
  uint32_t transaction_id = 0;
  InfoHash info_hash;
  uint64_t left_bytes = 0;  // 0: the peer has everything
  Event event = Event::kNone;
  int32_t wanted = -1;  // peers; below 0: the tracker decides
  uint16_t port = 0;    // where the peer listens, at the address that the datagram comes from
};

struct ScrapeRequest {
  uint64_t connection_id = 0;
  uint32_t transaction_id = 0;
  ByteView info_hashes;  // whole ones, at most kMaxScrapedHashes; points into the parsed bytes
};

// std::monostate: not of this protocol.
using Request = std::variant<std::monostate, ConnectRequest, AnnounceRequest, ScrapeRequest>;

// Parses a client's datagram. It may be longer than its kind needs: options (BEP 41) may follow, and are
// ignored.
Request ParseRequest(ByteView datagram);

// Returns: the swarm of an announce, or nullopt for other requests.
std::optional<InfoHash> AnnouncedSwarm(ByteView datagram);

// Each writes a response to `to`, which must have room, and returns its length. The caller writes an
// announce's peers behind the kAnnounceHeadBytes that WriteAnnounceHead fills.
size_t WriteConnectResponse(uint32_t transaction_id, uint64_t connection_id, uint8_t* to);
size_t WriteAnnounceHead(uint32_t transaction_id, uint32_t interval_seconds, const SwarmCounts& counts,
                         uint8_t* to);
size_t WriteScrapeHead(uint32_t transaction_id, uint8_t* to);
size_t WriteScrapeEntry(const SwarmCounts& counts, uint8_t* to);
// Truncates `message` to 64 bytes, so that an error is never longer than an announce.
size_t WriteError(uint32_t transaction_id, absl::string_view message, uint8_t* to);

// The bytes of one peer in an announce's response: its address, and two bytes of port.
inline constexpr size_t kPeerBytesV4 = 6;
inline constexpr size_t kPeerBytesV6 = 18;

// ---- The client's side: for tests and for programs that measure.

std::string BuildConnect(const ConnectRequest& request);
std::string BuildAnnounce(const AnnounceRequest& request, const std::string& peer_id_20_bytes);
std::string BuildScrape(uint64_t connection_id, uint32_t transaction_id, const std::vector<InfoHash>& hashes);

struct ConnectResponse {
  uint32_t transaction_id = 0;
  uint64_t connection_id = 0;
};
struct AnnounceResponse {
  uint32_t transaction_id = 0;
  uint32_t interval_seconds = 0;
  SwarmCounts counts;  // without `completed`
  std::vector<Endpoint> peers;
};
struct ScrapeResponse {
  uint32_t transaction_id = 0;
  std::vector<SwarmCounts> counts;
};
struct ErrorResponse {
  uint32_t transaction_id = 0;
  std::string message;
};
using Response =
    std::variant<std::monostate, ConnectResponse, AnnounceResponse, ScrapeResponse, ErrorResponse>;

// `v6`: whether the datagram came over IPv6, which decides between the two forms of a peer.
Response ParseResponse(ByteView datagram, bool v6);

}  // namespace shoal::tracker::bep15
