#include "shoal/tracking/messages/peer_conversion.h"

#include "shoal/tracking/messages/proto_conversion.h"
#include "shoal/tracking/messages/site.h"

namespace shoal::tracking {

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

}  // namespace shoal::tracking
