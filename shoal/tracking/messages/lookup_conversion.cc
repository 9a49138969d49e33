#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/io/coded_stream.h"
#include "shoal/base/status_macros.h"
#include "shoal/content/manifest/content_path.h"
#include "shoal/content/manifest/manifest.h"
#include "shoal/tracking/messages/message_field.h"
#include "shoal/tracking/messages/nested_conversion.h"
#include "shoal/tracking/messages/proto_conversion.h"

namespace shoal::tracking {
namespace {

constexpr int kMaxRangesInText = 64;
constexpr size_t kMaxPageTokenBytes = 1024;

std::string RangesInText(const ChunkSet& set) {
  std::string text;
  int runs = 0;
  for (const ChunkRange& range : set.Ranges()) {
    if (runs++ == kMaxRangesInText) {
      text += ",...";
      break;
    }
    absl::StrAppend(&text, text.empty() ? "" : ",", range.first.value());
    if (range.count > 1) absl::StrAppend(&text, "-", range.first.value() + range.count - 1);
  }
  return text;
}

absl::StatusOr<ContentId> HexFrom(const std::string& hex) {
  const auto id = ContentId::FromHex(hex);
  if (!id.ok() || id->is_zero()) return Bad("content_hex", "is not 64 hex digits of a content id");
  return *id;
}

// Whether a request may name a BitTorrent swarm.
template <typename Request>
constexpr bool kNamesInfoHash = std::is_same_v<Request, pb::GetSwarmRequest>;

// By which of its fields a request names its content.
template <typename Request>
absl::StatusOr<ContentKey> KeyFrom(const Request& in) {
  switch (in.content_case()) {
    case Request::kContentId: {
      SHOAL_ASSIGN_OR_RETURN(const ContentId id, IdFrom<ContentId>(in.content_id(), "content_id"));
      return id;
    }
    case Request::kContentHex: {
      SHOAL_ASSIGN_OR_RETURN(const ContentId id, HexFrom(in.content_hex()));
      return id;
    }
    case Request::kName:
      if (const absl::Status name = CheckContentName(in.name()); !name.ok())
        return Bad("name", name.message());
      return in.name();
    default:
      break;
  }
  if constexpr (kNamesInfoHash<Request>) {
    if (in.content_case() == Request::kInfoHash) {
      SHOAL_ASSIGN_OR_RETURN(const InfoHash hash, IdFrom<InfoHash>(in.info_hash(), "info_hash"));
      return hash;
    }
    if (in.content_case() == Request::kInfoHashHex) {
      const auto hash = InfoHash::FromHex(in.info_hash_hex());
      if (!hash.ok() || hash->is_zero()) return Bad("info_hash_hex", "is not 40 hex digits of an info hash");
      return *hash;
    }
  }
  return Bad("content", kNamesInfoHash<Request>
                            ? "is not named: set content_id, content_hex, name, info_hash or info_hash_hex"
                            : "is not named: set content_id, content_hex or name");
}

template <typename Request>
void SetKey(const ContentKey& key, Request* out) {
  if (const auto* id = std::get_if<ContentId>(&key)) {
    out->set_content_id(id->ToString());
  } else if (const auto* name = std::get_if<std::string>(&key)) {
    out->set_name(*name);
  } else if constexpr (kNamesInfoHash<Request>) {
    out->set_info_hash(std::get<InfoHash>(key).ToString());
  }
}

absl::StatusOr<SwarmPeer> SwarmPeerFrom(const pb::SwarmPeer& in, uint32_t chunk_count, const Field& field) {
  SwarmPeer out;
  SHOAL_ASSIGN_OR_RETURN(out.peer, PeerFrom(in.peer(), Field("peer", &field)));
  SHOAL_ASSIGN_OR_RETURN(out.held, ChunkSetFrom(in.held(), chunk_count, Field("held", &field)));
  out.lease_left = DurationFrom(in.lease_left());
  out.registered = TimeFrom(in.registered());
  out.totals.free_slots = out.peer.free_slots;
  NumbersFrom(in, &out.totals);
  SHOAL_ASSIGN_OR_RETURN(out.site, SiteFrom(in.site(), Field("site", &field)));
  out.publishes = in.publishes();
  return out;
}

void ToProto(const SwarmPeer& in, pb::SwarmPeer* out) {
  tracking::ToProto(in.peer, out->mutable_peer());
  tracking::ToProto(in.held, out->mutable_held());
  out->mutable_held()->set_ranges(RangesInText(in.held));
  tracking::ToProto(in.lease_left, out->mutable_lease_left());
  tracking::ToProto(in.registered, out->mutable_registered());
  SetNumbers(in.totals, out);
  out->set_site(in.site);
  out->set_publishes(in.publishes);
}

// ---- The encoding of a LookupResponse, without a message for each peer.

using google::protobuf::io::CodedOutputStream;

constexpr uint32_t kVarint = 0;
constexpr uint32_t kLengthDelimited = 2;

constexpr char kHexDigits[] = "0123456789abcdef";

// The bytes of a peer, its tag and length of two bytes included: two ids (18 and 34), a bool (2), two numbers
// (6 each), and each endpoint with 39 bytes of text and a port (47).
constexpr size_t kPeerBytes = 128;
constexpr size_t kPeerHeadBytes = 3;
constexpr size_t kWarmUpBytes = 32;
constexpr size_t kMaxPeerBytes = kPeerBytes + 47 * (kMaxEndpointsPerPeer - 1);

// All field numbers here are below 16, and all lengths but that of a peer below 128: a byte each.
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

uint8_t* PutEndpoint(int field, const Endpoint& endpoint, uint8_t* to) {
  return PutBytes(field, to, [&](uint8_t* at) {
    if (!endpoint.ip.is_unspecified()) {
      at = PutBytes(pb::Endpoint::kIpFieldNumber, at,
                    [&](uint8_t* text) { return PutAddress(endpoint.ip, text); });
    }
    return PutNumber(pb::Endpoint::kPortFieldNumber, endpoint.port, at);
  });
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
  to = PutEndpoint(pb::Peer::kEndpointFieldNumber, peer.endpoint, to);
  to = PutNumber(pb::Peer::kCompleteFieldNumber, peer.complete ? 1 : 0, to);
  to = PutNumber(pb::Peer::kChunksHeldFieldNumber, peer.chunks_held, to);
  to = PutNumber(pb::Peer::kFreeSlotsFieldNumber, peer.free_slots, to);
  for (const Endpoint& other : peer.other_endpoints)
    to = PutEndpoint(pb::Peer::kOtherEndpointsFieldNumber, other, to);
  return to;
}

}  // namespace

// ---- Lookup

absl::StatusOr<LookupRequest> FromProto(const pb::LookupRequest& in) {
  LookupRequest out;
  SHOAL_ASSIGN_OR_RETURN(out.content, KeyFrom(in));
  SHOAL_ASSIGN_OR_RETURN(out.exclude, OptionalPeerFrom(in.exclude_peer_id(), "exclude_peer_id"));
  out.max_peers = in.max_peers();
  SHOAL_ASSIGN_OR_RETURN(out.site, SiteFrom(in.site(), "site"));
  SHOAL_ASSIGN_OR_RETURN(out.peer_secret, SecretFrom(in.peer_secret()));
  return out;
}

void ToProto(const LookupRequest& in, pb::LookupRequest* out) {
  out->Clear();
  SetKey(in.content, out);
  if (in.exclude) out->set_exclude_peer_id(in.exclude->ToString());
  out->set_max_peers(in.max_peers);
  out->set_site(in.site);
  SetSecret(in.peer_secret, out);
}

absl::StatusOr<LookupResponse> FromProto(const pb::LookupResponse& in) {
  LookupResponse out;
  SHOAL_ASSIGN_OR_RETURN(out.contents, ContentsFrom(in.contents()));
  SHOAL_ASSIGN_OR_RETURN(out.peers, PeersFrom(in.peers()));
  out.warming_up = WarmingUpFrom(in);
  if (in.ticket().size() > kMaxTicketBytes)
    return Bad("ticket", absl::StrCat("has more than ", kMaxTicketBytes, " bytes"));
  out.ticket = in.ticket();
  return out;
}

void ToProto(const LookupResponse& in, pb::LookupResponse* out) {
  out->Clear();
  for (const ContentStatus& content : in.contents) ToProto(content, out->add_contents());
  for (const PeerInfo& peer : in.peers) ToProto(peer, out->add_peers());
  SetWarmingUp(in.warming_up, out);
  out->set_ticket(in.ticket);
}

std::string EncodeLookupResponse(const LookupResponse& response) {
  pb::LookupResponse contents;
  for (const ContentStatus& content : response.contents) ToProto(content, contents.add_contents());
  std::string bytes;
  bytes.reserve(contents.ByteSizeLong() + response.peers.size() * kPeerBytes + kWarmUpBytes +
                response.ticket.size());
  contents.AppendToString(&bytes);
  for (const PeerInfo& peer : response.peers) {
    // A peer with several endpoints may have 128 bytes or more, whose length takes two bytes: it is written
    // behind the room for those.
    uint8_t encoded[kMaxPeerBytes];
    const uint8_t* const end = PutPeer(peer, encoded + kPeerHeadBytes);
    const auto length = static_cast<uint32_t>(end - encoded - kPeerHeadBytes);
    uint8_t* const begin = encoded + (length < 128 ? 1 : 0);
    CodedOutputStream::WriteVarint32ToArray(
        length, PutTag(pb::LookupResponse::kPeersFieldNumber, kLengthDelimited, begin));
    bytes.append(reinterpret_cast<const char*>(begin), static_cast<size_t>(end - begin));
  }
  if (response.warming_up > absl::ZeroDuration() || !response.ticket.empty()) {
    pb::LookupResponse rest;
    SetWarmingUp(response.warming_up, &rest);
    rest.set_ticket(response.ticket);
    rest.AppendToString(&bytes);
  }
  return bytes;
}

// ---- LookupMany

absl::StatusOr<LookupManyRequest> FromProto(const pb::LookupManyRequest& in) {
  if (static_cast<uint32_t>(in.content_ids_size()) > kMaxContentsPerLookup) {
    return Bad("content_ids",
               absl::StrCat("has ", in.content_ids_size(), " entries, the most is ", kMaxContentsPerLookup));
  }
  LookupManyRequest out;
  out.contents.reserve(in.content_ids_size());
  for (const std::string& id : in.content_ids()) {
    SHOAL_ASSIGN_OR_RETURN(out.contents.emplace_back(),
                           IdFrom<ContentId>(id, Field::Entry("content_ids", out.contents.size())));
  }
  SHOAL_ASSIGN_OR_RETURN(out.exclude, OptionalPeerFrom(in.exclude_peer_id(), "exclude_peer_id"));
  out.max_peers = in.max_peers();
  SHOAL_ASSIGN_OR_RETURN(out.site, SiteFrom(in.site(), "site"));
  SHOAL_ASSIGN_OR_RETURN(out.peer_secret, SecretFrom(in.peer_secret()));
  return out;
}

void ToProto(const LookupManyRequest& in, pb::LookupManyRequest* out) {
  out->Clear();
  for (const ContentId& id : in.contents) out->add_content_ids(id.ToString());
  if (in.exclude) out->set_exclude_peer_id(in.exclude->ToString());
  out->set_max_peers(in.max_peers);
  out->set_site(in.site);
  SetSecret(in.peer_secret, out);
}

absl::StatusOr<LookupManyResponse> FromProto(const pb::LookupManyResponse& in) {
  if (static_cast<uint32_t>(in.results_size()) > kMaxContentsPerLookup) {
    return Bad("results", absl::StrCat("has ", in.results_size(), " entries"));
  }
  LookupManyResponse out;
  out.results.reserve(in.results_size());
  for (const pb::LookupResponse& result : in.results()) {
    SHOAL_ASSIGN_OR_RETURN(out.results.emplace_back(), FromProto(result));
  }
  out.warming_up = WarmingUpFrom(in);
  return out;
}

void ToProto(const LookupManyResponse& in, pb::LookupManyResponse* out) {
  out->Clear();
  for (const LookupResponse& result : in.results) ToProto(result, out->add_results());
  SetWarmingUp(in.warming_up, out);
}

// ---- ListContents

absl::StatusOr<ListContentsRequest> FromProto(const pb::ListContentsRequest& in) {
  if (in.name_contains().size() > kMaxNameBytes) {
    return Bad("name_contains", absl::StrCat("has more than ", kMaxNameBytes, " bytes"));
  }
  if (in.page_token().size() > kMaxPageTokenBytes) return Bad("page_token", "is none that this tracker gave");
  if (in.page_size() < 0) return Bad("page_size", "is negative");
  const std::optional<IdPrefix> id_prefix = IdPrefix::Parse(in.content_hex_prefix());
  if (!in.content_hex_prefix().empty() && !id_prefix.has_value()) {
    return Bad("content_hex_prefix",
               absl::StrCat("needs ", IdPrefix::kMinDigits, " to ", IdPrefix::kMaxDigits, " hex digits"));
  }
  return ListContentsRequest{in.name_contains(), static_cast<uint32_t>(in.page_size()), in.page_token(),
                             id_prefix};
}

void ToProto(const ListContentsRequest& in, pb::ListContentsRequest* out) {
  out->Clear();
  out->set_name_contains(in.name_contains);
  out->set_page_size(static_cast<int32_t>(in.page_size));
  out->set_page_token(in.page_token);
  if (in.id_prefix.has_value()) out->set_content_hex_prefix(in.id_prefix->digits());
}

absl::StatusOr<ListContentsResponse> FromProto(const pb::ListContentsResponse& in) {
  ListContentsResponse out;
  SHOAL_ASSIGN_OR_RETURN(out.contents, ContentsFrom(in.contents()));
  if (in.next_page_token().size() > kMaxPageTokenBytes) return Bad("next_page_token", "is too long");
  out.next_page_token = in.next_page_token();
  SHOAL_ASSIGN_OR_RETURN(out.bittorrent_swarms, BitTorrentSwarmsFrom(in.bittorrent_swarms()));
  out.warming_up = WarmingUpFrom(in);
  return out;
}

void ToProto(const ListContentsResponse& in, pb::ListContentsResponse* out) {
  out->Clear();
  for (const ContentStatus& content : in.contents) ToProto(content, out->add_contents());
  for (const BitTorrentSwarm& swarm : in.bittorrent_swarms) ToProto(swarm, out->add_bittorrent_swarms());
  out->set_next_page_token(in.next_page_token);
  SetWarmingUp(in.warming_up, out);
}

// ---- GetSwarm

absl::StatusOr<ContentKey> FromProto(const pb::GetSwarmRequest& in) {
  return KeyFrom(in);
}

void ToProto(const ContentKey& in, pb::GetSwarmRequest* out) {
  out->Clear();
  SetKey(in, out);
}

absl::StatusOr<GetSwarmResponse> FromProto(const pb::GetSwarmResponse& in) {
  GetSwarmResponse out;
  if (in.has_bittorrent_swarm()) {
    SHOAL_ASSIGN_OR_RETURN(out.bittorrent_swarm,
                           BitTorrentSwarmFrom(in.bittorrent_swarm(), "bittorrent_swarm"));
    SHOAL_ASSIGN_OR_RETURN(out.bittorrent_peers, BitTorrentPeersFrom(in.bittorrent_peers()));
    return out;
  }
  SHOAL_ASSIGN_OR_RETURN(out.content, StatusFrom(in.content(), "content"));
  if (in.peers_size() > kMaxNamedPeers)
    return Bad("peers", absl::StrCat("has ", in.peers_size(), " entries"));
  out.peers.reserve(in.peers_size());
  for (const auto& peer : in.peers()) {
    SHOAL_ASSIGN_OR_RETURN(out.peers.emplace_back(), SwarmPeerFrom(peer, out.content.summary.chunk_count,
                                                                   Field::Entry("peers", out.peers.size())));
  }
  return out;
}

void ToProto(const GetSwarmResponse& in, pb::GetSwarmResponse* out) {
  out->Clear();
  if (in.bittorrent_swarm) {
    ToProto(*in.bittorrent_swarm, out->mutable_bittorrent_swarm());
    for (const BitTorrentPeer& peer : in.bittorrent_peers) ToProto(peer, out->add_bittorrent_peers());
    return;
  }
  ToProto(in.content, out->mutable_content());
  for (const SwarmPeer& peer : in.peers) ToProto(peer, out->add_peers());
}

// ---- Watch

absl::StatusOr<WatchRequest> FromProto(const pb::WatchRequest& in) {
  WatchRequest out;
  if (in.has_content_id()) {
    SHOAL_ASSIGN_OR_RETURN(out.content, IdFrom<ContentId>(in.content_id(), "content_id"));
  } else if (in.has_content_hex()) {
    SHOAL_ASSIGN_OR_RETURN(out.content, HexFrom(in.content_hex()));
  } else {
    return Bad("content", "is not named: set content_id or content_hex");
  }
  SHOAL_ASSIGN_OR_RETURN(out.exclude, OptionalPeerFrom(in.exclude_peer_id(), "exclude_peer_id"));
  return out;
}

absl::StatusOr<SwarmEvent> FromProto(const pb::SwarmEvent& in) {
  if (in.has_peer()) {
    SHOAL_ASSIGN_OR_RETURN(const PeerInfo peer, PeerFrom(in.peer(), "peer"));
    return peer;
  }
  SHOAL_ASSIGN_OR_RETURN(const PeerId left, IdFrom<PeerId>(in.left_peer_id(), "left_peer_id"));
  return left;
}

void ToProto(const SwarmEvent& in, pb::SwarmEvent* out) {
  out->Clear();
  if (const auto* peer = std::get_if<PeerInfo>(&in)) {
    ToProto(*peer, out->mutable_peer());
  } else {
    out->set_left_peer_id(std::get<PeerId>(in).ToString());
  }
}

}  // namespace shoal::tracking
