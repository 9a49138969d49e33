#include "shoal/tracking/proto_conversion.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "shoal/base/status_macros.h"
#include "shoal/content/content_path.h"
#include "shoal/content/manifest.h"
#include "shoal/tracker/v1/messages.pb.h"

namespace shoal {
namespace {

namespace content_pb = ::shoal::content::v1;

constexpr int kMaxNamedContents = 1000;  // in one reply
constexpr int kMaxNamedPeers = 1000;
constexpr int kMaxRangesInText = 64;
constexpr size_t kMaxPageTokenBytes = 1024;
// Longer leases than this are a fault of whoever grants them.
constexpr absl::Duration kMaxLease = absl::Hours(24 * 7);

// The name of a field, for errors: put together only when there is one, as a heartbeat has thousands of
// fields.
class Field {
 public:
  Field(const char* name, const Field* parent = nullptr,
        size_t index = kNoIndex)  // NOLINT: reads as the name itself
      : name_(name), parent_(parent), index_(index) {}

  std::string ToString() const {
    std::string text = parent_ == nullptr ? name_ : absl::StrCat(parent_->ToString(), ".", name_);
    if (index_ != kNoIndex) absl::StrAppend(&text, "[", index_, "]");
    return text;
  }

  static Field Entry(const char* list, size_t index) { return {list, nullptr, index}; }

 private:
  static constexpr size_t kNoIndex = SIZE_MAX;

  const char* const name_;
  const Field* const parent_;
  const size_t index_;
};

absl::Status Bad(const Field& field, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat(field.ToString(), ": ", why));
}

// ---- fields, one by one

template <typename Id>
absl::StatusOr<Id> IdFrom(const std::string& bytes, const Field& field) {
  if (bytes.size() != Id::kSizeBytes) {
    return Bad(field, absl::StrCat("has ", bytes.size(), " bytes, needs ", Id::kSizeBytes));
  }
  SHOAL_ASSIGN_OR_RETURN(const Id id, Id::FromBytes(bytes));
  if (id.is_zero()) return Bad(field, "is all zero");
  return id;
}

absl::StatusOr<std::optional<PeerId>> OptionalPeerFrom(const std::string& bytes, const Field& field) {
  if (bytes.empty()) return std::optional<PeerId>();
  SHOAL_ASSIGN_OR_RETURN(const PeerId id, IdFrom<PeerId>(bytes, field));
  return std::optional<PeerId>(id);
}

absl::StatusOr<LeaseId> LeaseFrom(uint64_t lease_id, const Field& field) {
  if (lease_id == 0) return Bad(field, "is 0, which no lease has");
  return LeaseId(lease_id);
}

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
  return out;
}

enum class Hex { kNo, kYes };  // in replies, ids are also there in hex

void ToProto(const ContentSummary& in, Hex hex, content_pb::ContentSummary* out) {
  out->set_content_id(in.id.ToString());
  if (hex == Hex::kYes) out->set_content_hex(in.id.ToHex());
  out->set_name(in.name);
  out->set_length_bytes(in.length_bytes);
  out->set_chunk_size_bytes(in.chunk_size_bytes);
  out->set_chunk_count(in.chunk_count);
  out->set_file_count(in.file_count);
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

absl::StatusOr<PeerInfo> PeerFrom(const pb::Peer& in, const Field& field) {
  PeerInfo out;
  SHOAL_ASSIGN_OR_RETURN(out.id, IdFrom<PeerId>(in.peer_id(), Field("peer_id", &field)));
  SHOAL_ASSIGN_OR_RETURN(out.endpoint, EndpointFrom(in.endpoint(), false, Field("endpoint", &field)));
  out.complete = in.complete();
  out.chunks_held = in.chunks_held();
  out.free_slots = in.free_slots();
  return out;
}

void ToProto(const PeerInfo& in, pb::Peer* out) {
  out->set_peer_id(in.id.ToString());
  out->set_peer_hex(in.id.ToHex());
  ToProto(in.endpoint, out->mutable_endpoint());
  out->set_complete(in.complete);
  out->set_chunks_held(in.chunks_held);
  out->set_free_slots(in.free_slots);
}

template <typename Peers>
absl::StatusOr<std::vector<PeerInfo>> PeersFrom(const Peers& in) {
  if (in.size() > kMaxNamedPeers) return Bad("peers", absl::StrCat("has ", in.size(), " entries"));
  std::vector<PeerInfo> out;
  out.reserve(in.size());
  for (const auto& peer : in) {
    SHOAL_ASSIGN_OR_RETURN(out.emplace_back(), PeerFrom(peer, Field::Entry("peers", out.size())));
  }
  return out;
}

// Times are clamped to what the fields can carry, which is more than anybody needs.
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
  in = std::clamp(in, absl::UnixEpoch(), absl::FromUnixSeconds(253402300799));  // the end of the year 9999
  const int64_t seconds = absl::ToUnixSeconds(in);
  out->set_seconds(seconds);
  out->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(in - absl::FromUnixSeconds(seconds))));
}

// The lease's times, in all replies that grant one.
template <typename Reply, typename Out>
absl::Status LeaseTimesFrom(const Reply& in, Out* out) {
  out->ttl = DurationFrom(in.ttl());
  out->heartbeat_interval = DurationFrom(in.heartbeat_interval());
  if (out->ttl <= absl::ZeroDuration() || out->ttl > kMaxLease)
    return Bad("ttl", absl::FormatDuration(out->ttl));
  if (out->heartbeat_interval <= absl::ZeroDuration() || out->heartbeat_interval > out->ttl) {
    return Bad("heartbeat_interval", absl::FormatDuration(out->heartbeat_interval));
  }
  return absl::OkStatus();
}

absl::StatusOr<ContentStatus> StatusFrom(const pb::ContentStatus& in, const Field& field) {
  ContentStatus out;
  SHOAL_ASSIGN_OR_RETURN(out.summary, SummaryFrom(in.summary(), Field("summary", &field)));
  out.first_seen = TimeFrom(in.first_seen());
  out.seeders = in.seeders();
  out.leechers = in.leechers();
  return out;
}

void ToProto(const ContentStatus& in, pb::ContentStatus* out) {
  ToProto(in.summary, Hex::kYes, out->mutable_summary());
  ToProto(in.first_seen, out->mutable_first_seen());
  out->set_seeders(in.seeders);
  out->set_leechers(in.leechers);
}

template <typename Contents>
absl::StatusOr<std::vector<ContentStatus>> ContentsFrom(const Contents& in) {
  if (in.size() > kMaxNamedContents) return Bad("contents", absl::StrCat("has ", in.size(), " entries"));
  std::vector<ContentStatus> out;
  out.reserve(in.size());
  for (const auto& status : in) {
    SHOAL_ASSIGN_OR_RETURN(out.emplace_back(), StatusFrom(status, Field::Entry("contents", out.size())));
  }
  return out;
}

absl::StatusOr<ContentId> HexFrom(const std::string& hex) {
  const auto id = ContentId::FromHex(hex);
  if (!id.ok() || id->is_zero()) return Bad("content_hex", "is not 64 hex digits of a content id");
  return *id;
}

// By which of the three a request names its content.
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
    case Request::CONTENT_NOT_SET:
      break;
  }
  return Bad("content", "is not named: set content_id, content_hex or name");
}

template <typename Request>
void SetKey(const ContentKey& key, Request* out) {
  if (const auto* id = std::get_if<ContentId>(&key)) {
    out->set_content_id(id->ToString());
  } else {
    out->set_name(std::get<std::string>(key));
  }
}

// A beat's numbers, which a heartbeat carries from a peer and GetSwarm shows to people.
template <typename In>
void NumbersFrom(const In& in, LeaseBeat* out) {
  out->sent_bytes = in.sent_bytes();
  out->received_bytes = in.received_bytes();
  out->send_rate_bytes_per_second = in.send_rate_bytes_per_second();
  out->receive_rate_bytes_per_second = in.receive_rate_bytes_per_second();
}

template <typename Out>
void SetNumbers(const LeaseBeat& in, Out* out) {
  out->set_sent_bytes(in.sent_bytes);
  out->set_received_bytes(in.received_bytes);
  out->set_send_rate_bytes_per_second(in.send_rate_bytes_per_second);
  out->set_receive_rate_bytes_per_second(in.receive_rate_bytes_per_second);
}

absl::StatusOr<LeaseBeat> BeatFrom(const pb::LeaseBeat& in, const Field& field) {
  LeaseBeat out;
  SHOAL_ASSIGN_OR_RETURN(out.lease_id, LeaseFrom(in.lease_id(), Field("lease_id", &field)));
  out.gained.reserve(in.gained_size());
  for (const auto& range : in.gained()) {
    if (range.count() == 0 || range.first() >= kMaxChunks || range.count() > kMaxChunks - range.first()) {
      return Bad(Field("gained", &field),
                 absl::StrCat(range.count(), " chunks from ", range.first(), " on are in no content"));
    }
    out.gained.push_back({ChunkIndex(range.first()), range.count()});
  }
  out.free_slots = in.free_slots();
  NumbersFrom(in, &out);
  return out;
}

absl::StatusOr<SwarmPeer> SwarmPeerFrom(const pb::SwarmPeer& in, uint32_t chunk_count, const Field& field) {
  SwarmPeer out;
  SHOAL_ASSIGN_OR_RETURN(out.peer, PeerFrom(in.peer(), Field("peer", &field)));
  SHOAL_ASSIGN_OR_RETURN(out.lease_id, LeaseFrom(in.lease_id(), Field("lease_id", &field)));
  SHOAL_ASSIGN_OR_RETURN(out.held, ChunkSetFrom(in.held(), chunk_count, Field("held", &field)));
  out.lease_left = DurationFrom(in.lease_left());
  out.registered = TimeFrom(in.registered());
  out.totals.lease_id = out.lease_id;
  out.totals.free_slots = out.peer.free_slots;
  NumbersFrom(in, &out.totals);
  return out;
}

void ToProto(const SwarmPeer& in, pb::SwarmPeer* out) {
  ToProto(in.peer, out->mutable_peer());
  out->set_lease_id(in.lease_id.value());
  ToProto(in.held, out->mutable_held());
  out->mutable_held()->set_ranges(RangesInText(in.held));
  ToProto(in.lease_left, out->mutable_lease_left());
  ToProto(in.registered, out->mutable_registered());
  SetNumbers(in.totals, out);
}

}  // namespace

// ---- Register

absl::StatusOr<RegisterRequest> FromProto(const pb::RegisterRequest& in) {
  RegisterRequest out;
  SHOAL_ASSIGN_OR_RETURN(out.peer_id, IdFrom<PeerId>(in.peer_id(), "peer_id"));
  SHOAL_ASSIGN_OR_RETURN(out.endpoint, EndpointFrom(in.endpoint(), true, "endpoint"));
  SHOAL_ASSIGN_OR_RETURN(out.content, SummaryFrom(in.content(), "content"));
  if (in.has_held()) {
    SHOAL_ASSIGN_OR_RETURN(out.held, ChunkSetFrom(in.held(), out.content.chunk_count, "held"));
  } else {
    out.held = ChunkSet(out.content.chunk_count);
  }
  out.free_slots = in.free_slots();
  out.max_peers = in.max_peers();
  return out;
}

void ToProto(const RegisterRequest& in, pb::RegisterRequest* out) {
  out->Clear();
  out->set_peer_id(in.peer_id.ToString());
  ToProto(in.endpoint, out->mutable_endpoint());
  ToProto(in.content, Hex::kNo, out->mutable_content());
  ToProto(in.held, out->mutable_held());
  out->set_free_slots(in.free_slots);
  out->set_max_peers(in.max_peers);
}

absl::StatusOr<RegisterReply> FromProto(const pb::RegisterReply& in) {
  RegisterReply out;
  SHOAL_ASSIGN_OR_RETURN(out.lease_id, LeaseFrom(in.lease_id(), "lease_id"));
  SHOAL_RETURN_IF_ERROR(LeaseTimesFrom(in, &out));
  SHOAL_ASSIGN_OR_RETURN(out.peers, PeersFrom(in.peers()));
  return out;
}

void ToProto(const RegisterReply& in, pb::RegisterReply* out) {
  out->Clear();
  out->set_lease_id(in.lease_id.value());
  ToProto(in.ttl, out->mutable_ttl());
  ToProto(in.heartbeat_interval, out->mutable_heartbeat_interval());
  for (const PeerInfo& peer : in.peers) ToProto(peer, out->add_peers());
}

// ---- Heartbeat

absl::StatusOr<HeartbeatRequest> FromProto(const pb::HeartbeatRequest& in) {
  HeartbeatRequest out;
  SHOAL_ASSIGN_OR_RETURN(out.peer_id, IdFrom<PeerId>(in.peer_id(), "peer_id"));
  if (static_cast<uint32_t>(in.leases_size()) > kMaxLeasesPerHeartbeat) {
    return Bad("leases",
               absl::StrCat("has ", in.leases_size(), " entries, the most is ", kMaxLeasesPerHeartbeat));
  }
  out.leases.reserve(in.leases_size());
  for (const auto& lease : in.leases()) {
    SHOAL_ASSIGN_OR_RETURN(out.leases.emplace_back(),
                           BeatFrom(lease, Field::Entry("leases", out.leases.size())));
  }
  return out;
}

void ToProto(const HeartbeatRequest& in, pb::HeartbeatRequest* out) {
  out->Clear();
  out->set_peer_id(in.peer_id.ToString());
  for (const LeaseBeat& beat : in.leases) {
    pb::LeaseBeat* const lease = out->add_leases();
    lease->set_lease_id(beat.lease_id.value());
    for (const ChunkRange& range : beat.gained) {
      auto* const gained = lease->add_gained();
      gained->set_first(range.first.value());
      gained->set_count(range.count);
    }
    lease->set_free_slots(beat.free_slots);
    SetNumbers(beat, lease);
  }
}

absl::StatusOr<HeartbeatReply> FromProto(const pb::HeartbeatReply& in) {
  HeartbeatReply out;
  SHOAL_RETURN_IF_ERROR(LeaseTimesFrom(in, &out));
  if (static_cast<uint32_t>(in.directives_size()) > kMaxLeasesPerHeartbeat) {
    return Bad("directives", absl::StrCat("has ", in.directives_size(), " entries"));
  }
  for (const auto& directive : in.directives()) {
    // Kinds that are newer than this program are for others.
    if (directive.kind() == pb::Directive::KIND_REGISTER_AGAIN) {
      out.register_again.push_back(LeaseId(directive.lease_id()));
    }
  }
  return out;
}

void ToProto(const HeartbeatReply& in, pb::HeartbeatReply* out) {
  out->Clear();
  ToProto(in.ttl, out->mutable_ttl());
  ToProto(in.heartbeat_interval, out->mutable_heartbeat_interval());
  for (const LeaseId lease : in.register_again) {
    pb::Directive* const directive = out->add_directives();
    directive->set_kind(pb::Directive::KIND_REGISTER_AGAIN);
    directive->set_lease_id(lease.value());
  }
}

// ---- Lookup

absl::StatusOr<LookupRequest> FromProto(const pb::LookupRequest& in) {
  LookupRequest out;
  SHOAL_ASSIGN_OR_RETURN(out.content, KeyFrom(in));
  SHOAL_ASSIGN_OR_RETURN(out.exclude, OptionalPeerFrom(in.exclude_peer_id(), "exclude_peer_id"));
  out.max_peers = in.max_peers();
  return out;
}

void ToProto(const LookupRequest& in, pb::LookupRequest* out) {
  out->Clear();
  SetKey(in.content, out);
  if (in.exclude) out->set_exclude_peer_id(in.exclude->ToString());
  out->set_max_peers(in.max_peers);
}

absl::StatusOr<LookupReply> FromProto(const pb::LookupReply& in) {
  LookupReply out;
  SHOAL_ASSIGN_OR_RETURN(out.contents, ContentsFrom(in.contents()));
  SHOAL_ASSIGN_OR_RETURN(out.peers, PeersFrom(in.peers()));
  return out;
}

void ToProto(const LookupReply& in, pb::LookupReply* out) {
  out->Clear();
  for (const ContentStatus& content : in.contents) ToProto(content, out->add_contents());
  for (const PeerInfo& peer : in.peers) ToProto(peer, out->add_peers());
}

// ---- ListContents

absl::StatusOr<ListContentsRequest> FromProto(const pb::ListContentsRequest& in) {
  if (in.name_contains().size() > kMaxNameBytes) {
    return Bad("name_contains", absl::StrCat("has more than ", kMaxNameBytes, " bytes"));
  }
  if (in.page_token().size() > kMaxPageTokenBytes) return Bad("page_token", "is none that this tracker gave");
  return ListContentsRequest{in.name_contains(), in.page_size(), in.page_token()};
}

void ToProto(const ListContentsRequest& in, pb::ListContentsRequest* out) {
  out->Clear();
  out->set_name_contains(in.name_contains);
  out->set_page_size(in.page_size);
  out->set_page_token(in.page_token);
}

absl::StatusOr<ListContentsReply> FromProto(const pb::ListContentsReply& in) {
  ListContentsReply out;
  SHOAL_ASSIGN_OR_RETURN(out.contents, ContentsFrom(in.contents()));
  if (in.next_page_token().size() > kMaxPageTokenBytes) return Bad("next_page_token", "is too long");
  out.next_page_token = in.next_page_token();
  return out;
}

void ToProto(const ListContentsReply& in, pb::ListContentsReply* out) {
  out->Clear();
  for (const ContentStatus& content : in.contents) ToProto(content, out->add_contents());
  out->set_next_page_token(in.next_page_token);
}

// ---- GetSwarm

absl::StatusOr<ContentKey> FromProto(const pb::GetSwarmRequest& in) {
  return KeyFrom(in);
}

void ToProto(const ContentKey& in, pb::GetSwarmRequest* out) {
  out->Clear();
  SetKey(in, out);
}

absl::StatusOr<GetSwarmReply> FromProto(const pb::GetSwarmReply& in) {
  GetSwarmReply out;
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

void ToProto(const GetSwarmReply& in, pb::GetSwarmReply* out) {
  out->Clear();
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

// ---- Leave

absl::StatusOr<LeaveRequest> FromProto(const pb::LeaveRequest& in) {
  LeaveRequest out;
  SHOAL_ASSIGN_OR_RETURN(out.peer_id, IdFrom<PeerId>(in.peer_id(), "peer_id"));
  out.lease_ids.reserve(in.lease_ids_size());
  for (const uint64_t lease : in.lease_ids()) out.lease_ids.push_back(LeaseId(lease));
  return out;
}

void ToProto(const LeaveRequest& in, pb::LeaveRequest* out) {
  out->Clear();
  out->set_peer_id(in.peer_id.ToString());
  for (const LeaseId lease : in.lease_ids) out->add_lease_ids(lease.value());
}

absl::StatusOr<LeaveReply> FromProto(const pb::LeaveReply& in) {
  return LeaveReply{in.ended()};
}

void ToProto(const LeaveReply& in, pb::LeaveReply* out) {
  out->Clear();
  out->set_ended(in.ended);
}

}  // namespace shoal
