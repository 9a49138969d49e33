#include "shoal/tracking/messages/nested_conversion.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "shoal/base/status_macros.h"
#include "shoal/content/manifest/content_path.h"
#include "shoal/content/manifest/manifest.h"
#include "shoal/tracking/messages/site.h"

namespace shoal::tracking {
namespace {

namespace pb = ::shoal::tracker::v1;
namespace content_pb = ::shoal::content::v1;

// Each in one response.
constexpr int kMaxNamedContents = 1000;
constexpr int kMaxNamedSwarms = 1000;

constexpr int64_t kMaxTimestampSeconds = 253402300799;  // the end of the year 9999

}  // namespace

// ---- Times

absl::Duration DurationFrom(const google::protobuf::Duration& in) {
  return absl::Seconds(in.seconds()) + absl::Nanoseconds(in.nanos());
}

void ToProto(absl::Duration in, google::protobuf::Duration* out) {
  in = std::clamp(in, -absl::Hours(24 * 365 * 1000), absl::Hours(24 * 365 * 1000));
  out->set_seconds(absl::IDivDuration(in, absl::Seconds(1), &in));
  out->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(in)));
}

absl::Time TimeFrom(const google::protobuf::Timestamp& in) {
  return absl::FromUnixSeconds(in.seconds()) + absl::Nanoseconds(in.nanos());
}

void ToProto(absl::Time in, google::protobuf::Timestamp* out) {
  in = std::clamp(in, absl::UnixEpoch(), absl::FromUnixSeconds(kMaxTimestampSeconds));
  const int64_t seconds = absl::ToUnixSeconds(in);
  out->set_seconds(seconds);
  out->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(in - absl::FromUnixSeconds(seconds))));
}

// ---- Peers

absl::StatusOr<Endpoint> EndpointFrom(const pb::Endpoint& in, bool may_be_unspecified, const Field& field) {
  Endpoint out;
  if (in.port() < 1 || in.port() > 65535) {
    return Bad(Field("port", &field), absl::StrCat("is ", in.port(), ", needs 1 to 65535"));
  }
  out.port = static_cast<uint16_t>(in.port());
  if (in.ip().empty() && may_be_unspecified) return out;
  const Field ip_field("ip", &field);
  const auto ip = IpAddress::Parse(in.ip());
  if (!ip.ok()) return Bad(ip_field, "is no IPv4 or IPv6 address");
  if (ip->is_unspecified())
    return Bad(ip_field, "is unspecified; leave it empty for where the call comes from");
  out.ip = *ip;
  return out;
}

void ToProto(const Endpoint& in, pb::Endpoint* out) {
  if (!in.ip.is_unspecified()) out->set_ip(in.ip.ToString());
  out->set_port(in.port);
}

absl::StatusOr<std::vector<Endpoint>> OtherEndpointsFrom(
    const google::protobuf::RepeatedPtrField<pb::Endpoint>& in, bool may_be_unspecified,
    const Field* parent) {
  std::vector<Endpoint> out;
  if (static_cast<size_t>(in.size()) >= kMaxEndpointsPerPeer) {
    return Bad(Field("other_endpoints", parent),
               absl::StrCat("has ", in.size(), " entries, the most is ", kMaxEndpointsPerPeer - 1));
  }
  out.reserve(static_cast<size_t>(in.size()));
  for (const pb::Endpoint& endpoint : in) {
    SHOAL_ASSIGN_OR_RETURN(out.emplace_back(), EndpointFrom(endpoint, may_be_unspecified,
                                                            Field("other_endpoints", parent, out.size())));
  }
  return out;
}

absl::StatusOr<PeerInfo> PeerFrom(const pb::Peer& in, const Field& field) {
  PeerInfo out;
  SHOAL_ASSIGN_OR_RETURN(out.id, IdFrom<PeerId>(in.peer_id(), Field("peer_id", &field)));
  SHOAL_ASSIGN_OR_RETURN(out.endpoint, EndpointFrom(in.endpoint(), false, Field("endpoint", &field)));
  out.complete = in.complete();
  out.chunks_held = in.chunks_held();
  out.free_slots = in.free_slots();
  SHOAL_ASSIGN_OR_RETURN(out.other_endpoints, OtherEndpointsFrom(in.other_endpoints(), false, &field));
  return out;
}

void ToProto(const PeerInfo& in, pb::Peer* out) {
  out->set_peer_id(in.id.ToString());
  out->set_peer_hex(in.id.ToHex());
  ToProto(in.endpoint, out->mutable_endpoint());
  out->set_complete(in.complete);
  out->set_chunks_held(in.chunks_held);
  out->set_free_slots(in.free_slots);
  for (const Endpoint& other : in.other_endpoints) ToProto(other, out->add_other_endpoints());
}

absl::StatusOr<std::vector<PeerInfo>> PeersFrom(const google::protobuf::RepeatedPtrField<pb::Peer>& in) {
  if (in.size() > kMaxNamedPeers) return Bad("peers", absl::StrCat("has ", in.size(), " entries"));
  std::vector<PeerInfo> out;
  out.reserve(in.size());
  for (const auto& peer : in) {
    SHOAL_ASSIGN_OR_RETURN(out.emplace_back(), PeerFrom(peer, Field::Entry("peers", out.size())));
  }
  return out;
}

absl::StatusOr<std::string> SiteFrom(const std::string& in, const Field& field) {
  if (const absl::Status site = CheckSite(in); !site.ok()) return Bad(field, site.message());
  return in;
}

// ---- Contents

absl::StatusOr<ContentSummary> SummaryFrom(const content_pb::ContentSummary& in, const Field& field) {
  const auto bad = [&](const char* part, absl::string_view why) { return Bad(Field(part, &field), why); };
  ContentSummary out;
  SHOAL_ASSIGN_OR_RETURN(out.id, IdFrom<ContentId>(in.content_id(), Field("content_id", &field)));
  if (const absl::Status name = CheckContentName(in.name()); !name.ok()) return bad("name", name.message());
  const uint64_t chunk_size = in.chunk_size_bytes();
  if (chunk_size < kMinChunkSizeBytes || chunk_size > kMaxChunkSizeBytes ||
      (chunk_size & (chunk_size - 1)) != 0) {
    return bad("chunk_size_bytes", absl::StrCat("is ", chunk_size, ", needs a power of two from ",
                                                kMinChunkSizeBytes, " to ", kMaxChunkSizeBytes));
  }
  if (in.file_count() < 1 || in.file_count() > kMaxFiles) {
    return bad("file_count", absl::StrCat("is ", in.file_count(), ", needs 1 to ", kMaxFiles));
  }
  if (in.chunk_count() > kMaxChunks) {
    return bad("chunk_count", absl::StrCat("is ", in.chunk_count(), ", the most is ", kMaxChunks));
  }
  // Each chunk has a byte at least and a chunk size at most; only the last chunk of each file is short.
  const uint64_t length = in.length_bytes();
  if (length < in.chunk_count() || length > in.chunk_count() * chunk_size) {
    return bad("length_bytes", absl::StrCat("is ", length, ", which ", in.chunk_count(), " chunks of ",
                                            chunk_size, " bytes can't make"));
  }
  if (in.chunk_count() > length / chunk_size + in.file_count()) {
    return bad("chunk_count", absl::StrCat("is ", in.chunk_count(), ", more than ", length, " bytes in ",
                                           in.file_count(), " files have"));
  }
  out.name = in.name();
  out.length_bytes = length;
  out.chunk_size_bytes = in.chunk_size_bytes();
  out.chunk_count = in.chunk_count();
  out.file_count = in.file_count();
  out.left_out = std::min(in.left_out_count(), kMaxLeftOut);
  return out;
}

void ToProto(const ContentSummary& in, Hex hex, content_pb::ContentSummary* out) {
  out->set_content_id(in.id.ToString());
  if (hex == Hex::kYes) out->set_content_hex(in.id.ToHex());
  out->set_name(in.name);
  out->set_length_bytes(in.length_bytes);
  out->set_chunk_size_bytes(in.chunk_size_bytes);
  out->set_chunk_count(in.chunk_count);
  out->set_file_count(in.file_count);
  out->set_left_out_count(in.left_out);
}

absl::StatusOr<ChunkSet> ChunkSetFrom(const content_pb::ChunkSet& in, uint32_t size, const Field& field) {
  if (in.size() != size) {
    return Bad(Field("size", &field),
               absl::StrCat("is ", in.size(), ", but the content has ", size, " chunks"));
  }
  auto set = ChunkSet::Decode(size, AsBytes(in.encoded()));
  if (!set.ok()) return Bad(Field("encoded", &field), set.status().message());
  return set;
}

void ToProto(const ChunkSet& in, content_pb::ChunkSet* out) {
  out->set_count(in.count());
  out->set_encoded(in.Encode());
  out->set_size(in.size());
}

absl::StatusOr<PublisherSignature> SignatureFrom(const content_pb::PublisherSignature& in,
                                                 const Field& field) {
  PublisherSignature out;
  const auto key = PublicKey::FromBytes(AsBytes(in.public_key()));
  if (!key.ok()) return Bad(Field("public_key", &field), key.status().message());
  out.key = *key;
  SHOAL_ASSIGN_OR_RETURN(out.signature, IdFrom<SignatureBytes>(in.signature(), Field("signature", &field)));
  // The range of a Timestamp; finer parts than a millisecond are not signed.
  if (in.signed_at().seconds() < 0 || in.signed_at().seconds() > kMaxTimestampSeconds) {
    return Bad(Field("signed_at", &field), "is no time from 1970 to 9999");
  }
  out.time = absl::FromUnixSeconds(in.signed_at().seconds()) +
             absl::Milliseconds(std::clamp(in.signed_at().nanos(), 0, 999'999'999) / 1'000'000);
  return out;
}

void ToProto(const PublisherSignature& in, content_pb::PublisherSignature* out) {
  out->set_public_key(in.key.ToString());
  out->set_signature(in.signature.ToString());
  ToProto(in.time, out->mutable_signed_at());
}

absl::StatusOr<ContentStatus> StatusFrom(const pb::ContentStatus& in, const Field& field) {
  ContentStatus out;
  SHOAL_ASSIGN_OR_RETURN(out.summary, SummaryFrom(in.summary(), Field("summary", &field)));
  out.first_seen = TimeFrom(in.first_seen());
  out.seeders = in.seeders();
  out.leechers = in.leechers();
  out.publishers = in.publishers();
  if (in.has_published()) out.published = TimeFrom(in.published());
  if (static_cast<uint32_t>(in.signatures_size()) > kMaxSignaturesPerContent) {
    return Bad(Field("signatures", &field), absl::StrCat("has ", in.signatures_size(), " entries"));
  }
  for (const auto& signature : in.signatures()) {
    SHOAL_ASSIGN_OR_RETURN(out.signatures.emplace_back(),
                           SignatureFrom(signature, Field("signatures", &field, out.signatures.size())));
  }
  return out;
}

void ToProto(const ContentStatus& in, pb::ContentStatus* out) {
  ToProto(in.summary, Hex::kYes, out->mutable_summary());
  ToProto(in.first_seen, out->mutable_first_seen());
  out->set_seeders(in.seeders);
  out->set_leechers(in.leechers);
  out->set_publishers(in.publishers);
  if (in.published != absl::InfinitePast()) ToProto(in.published, out->mutable_published());
  for (const PublisherSignature& signature : in.signatures) ToProto(signature, out->add_signatures());
}

absl::StatusOr<std::vector<ContentStatus>> ContentsFrom(
    const google::protobuf::RepeatedPtrField<pb::ContentStatus>& in) {
  if (in.size() > kMaxNamedContents) return Bad("contents", absl::StrCat("has ", in.size(), " entries"));
  std::vector<ContentStatus> out;
  out.reserve(in.size());
  for (const auto& status : in) {
    SHOAL_ASSIGN_OR_RETURN(out.emplace_back(), StatusFrom(status, Field::Entry("contents", out.size())));
  }
  return out;
}

// ---- BitTorrent

absl::StatusOr<BitTorrentSwarm> BitTorrentSwarmFrom(const pb::BitTorrentSwarm& in, const Field& field) {
  BitTorrentSwarm out;
  SHOAL_ASSIGN_OR_RETURN(out.info_hash, IdFrom<InfoHash>(in.info_hash(), Field("info_hash", &field)));
  out.first_seen = TimeFrom(in.first_seen());
  out.seeders = in.seeders();
  out.leechers = in.leechers();
  out.completed = in.completed();
  return out;
}

absl::StatusOr<std::vector<BitTorrentSwarm>> BitTorrentSwarmsFrom(
    const google::protobuf::RepeatedPtrField<pb::BitTorrentSwarm>& in) {
  if (in.size() > kMaxNamedSwarms)
    return Bad("bittorrent_swarms", absl::StrCat("has ", in.size(), " entries"));
  std::vector<BitTorrentSwarm> out;
  out.reserve(in.size());
  for (const auto& swarm : in) {
    SHOAL_ASSIGN_OR_RETURN(out.emplace_back(),
                           BitTorrentSwarmFrom(swarm, Field::Entry("bittorrent_swarms", out.size())));
  }
  return out;
}

absl::StatusOr<std::vector<BitTorrentPeer>> BitTorrentPeersFrom(
    const google::protobuf::RepeatedPtrField<pb::BitTorrentPeer>& in) {
  if (in.size() > kMaxNamedPeers) return Bad("bittorrent_peers", absl::StrCat("has ", in.size(), " entries"));
  std::vector<BitTorrentPeer> out;
  out.reserve(in.size());
  for (const auto& peer : in) {
    const Field entry = Field::Entry("bittorrent_peers", out.size());
    BitTorrentPeer& added = out.emplace_back();
    SHOAL_ASSIGN_OR_RETURN(added.endpoint, EndpointFrom(peer.endpoint(), false, Field("endpoint", &entry)));
    added.complete = peer.complete();
    added.silent_for = DurationFrom(peer.silent_for());
  }
  return out;
}

void ToProto(const BitTorrentSwarm& in, pb::BitTorrentSwarm* out) {
  out->set_info_hash(in.info_hash.ToString());
  out->set_info_hash_hex(in.info_hash.ToHex());
  ToProto(in.first_seen, out->mutable_first_seen());
  out->set_seeders(in.seeders);
  out->set_leechers(in.leechers);
  out->set_completed(in.completed);
}

void ToProto(const BitTorrentPeer& in, pb::BitTorrentPeer* out) {
  ToProto(in.endpoint, out->mutable_endpoint());
  out->set_complete(in.complete);
  ToProto(in.silent_for, out->mutable_silent_for());
}

}  // namespace shoal::tracking
