#include "shoal/content/manifest/manifest.h"
#include "shoal/tracking/messages/message_field.h"
#include "shoal/tracking/messages/nested_conversion.h"
#include "shoal/tracking/messages/proto_conversion.h"

namespace shoal::tracking {
namespace {

// A longer lease is an error of the tracker.
constexpr absl::Duration kMaxLease = absl::Hours(24 * 7);

// The times of a lease, which all responses about leases have.
template <typename Response, typename Out>
absl::Status LeaseTimesFrom(const Response& in, Out* out) {
  out->ttl = DurationFrom(in.ttl());
  out->heartbeat_interval = DurationFrom(in.heartbeat_interval());
  if (out->ttl <= absl::ZeroDuration() || out->ttl > kMaxLease)
    return Bad("ttl", absl::FormatDuration(out->ttl));
  if (out->heartbeat_interval <= absl::ZeroDuration() || out->heartbeat_interval > out->ttl) {
    return Bad("heartbeat_interval", absl::FormatDuration(out->heartbeat_interval));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<PublicKey>> IssuerFrom(const std::string& bytes) {
  if (bytes.empty()) return std::optional<PublicKey>();
  const auto key = PublicKey::FromBytes(AsBytes(bytes));
  if (!key.ok()) return Bad("ticket_issuer", key.status().message());
  return std::optional<PublicKey>(*key);
}

template <typename Message>
void SetIssuer(const std::optional<PublicKey>& issuer, Message* out) {
  if (issuer.has_value()) out->set_ticket_issuer(issuer->ToString());
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

absl::Status ReportsFrom(const google::protobuf::RepeatedPtrField<pb::PeerReport>& in,
                         std::vector<PeerReport>* out) {
  if (static_cast<uint32_t>(in.size()) > kMaxReportsPerHeartbeat) {
    return Bad("reports", absl::StrCat("has ", in.size(), " entries, the most is ", kMaxReportsPerHeartbeat));
  }
  size_t index = 0;
  for (const auto& report : in) {
    const Field field = Field::Entry("reports", index++);
    PeerReport plain;
    SHOAL_ASSIGN_OR_RETURN(plain.lease_id, LeaseFrom(report.lease_id(), Field("lease_id", &field)));
    SHOAL_ASSIGN_OR_RETURN(plain.peer, IdFrom<PeerId>(report.peer_id(), Field("peer_id", &field)));
    // Ignores reasons that are newer than this program.
    if (report.reason() == pb::PeerReport::REASON_DEAD) {
      plain.reason = PeerReport::Reason::kDead;
    } else if (report.reason() == pb::PeerReport::REASON_LYING) {
      plain.reason = PeerReport::Reason::kLying;
    } else {
      continue;
    }
    out->push_back(plain);
  }
  return absl::OkStatus();
}

}  // namespace

// ---- Register

absl::StatusOr<RegisterRequest> FromProto(const pb::RegisterRequest& in) {
  RegisterRequest out;
  SHOAL_ASSIGN_OR_RETURN(out.peer_id, IdFrom<PeerId>(in.peer_id(), "peer_id"));
  SHOAL_ASSIGN_OR_RETURN(out.peer_secret, SecretFrom(in.peer_secret()));
  SHOAL_ASSIGN_OR_RETURN(out.endpoint, EndpointFrom(in.endpoint(), true, "endpoint"));
  SHOAL_ASSIGN_OR_RETURN(out.content, SummaryFrom(in.content(), "content"));
  if (in.has_held()) {
    SHOAL_ASSIGN_OR_RETURN(out.held, ChunkSetFrom(in.held(), out.content.chunk_count, "held"));
  } else {
    out.held = ChunkSet(out.content.chunk_count);
  }
  out.free_slots = in.free_slots();
  out.max_peers = in.max_peers();
  SHOAL_ASSIGN_OR_RETURN(out.site, SiteFrom(in.site(), "site"));
  out.publishes = in.publishes();
  SHOAL_ASSIGN_OR_RETURN(out.other_endpoints, OtherEndpointsFrom(in.other_endpoints(), true, nullptr));
  if (in.has_signature()) {
    SHOAL_ASSIGN_OR_RETURN(out.signature, SignatureFrom(in.signature(), "signature"));
  }
  return out;
}

void ToProto(const RegisterRequest& in, pb::RegisterRequest* out) {
  out->Clear();
  out->set_peer_id(in.peer_id.ToString());
  SetSecret(in.peer_secret, out);
  ToProto(in.endpoint, out->mutable_endpoint());
  ToProto(in.content, Hex::kNo, out->mutable_content());
  ToProto(in.held, out->mutable_held());
  out->set_free_slots(in.free_slots);
  out->set_max_peers(in.max_peers);
  out->set_site(in.site);
  out->set_publishes(in.publishes);
  for (const Endpoint& other : in.other_endpoints) ToProto(other, out->add_other_endpoints());
  if (in.signature.has_value()) ToProto(*in.signature, out->mutable_signature());
}

absl::StatusOr<RegisterResponse> FromProto(const pb::RegisterResponse& in) {
  RegisterResponse out;
  SHOAL_ASSIGN_OR_RETURN(out.lease_id, LeaseFrom(in.lease_id(), "lease_id"));
  SHOAL_RETURN_IF_ERROR(LeaseTimesFrom(in, &out));
  SHOAL_ASSIGN_OR_RETURN(out.peers, PeersFrom(in.peers()));
  SHOAL_ASSIGN_OR_RETURN(out.ticket_issuer, IssuerFrom(in.ticket_issuer()));
  return out;
}

void ToProto(const RegisterResponse& in, pb::RegisterResponse* out) {
  out->Clear();
  out->set_lease_id(in.lease_id.value());
  ToProto(in.ttl, out->mutable_ttl());
  ToProto(in.heartbeat_interval, out->mutable_heartbeat_interval());
  for (const PeerInfo& peer : in.peers) ToProto(peer, out->add_peers());
  SetIssuer(in.ticket_issuer, out);
}

// ---- RegisterMany

absl::StatusOr<RegisterManyRequest> FromProto(const pb::RegisterManyRequest& in) {
  if (static_cast<uint32_t>(in.registrations_size()) > kMaxRegistrationsPerMessage) {
    return Bad("registrations", absl::StrCat("has ", in.registrations_size(), " entries, the most is ",
                                             kMaxRegistrationsPerMessage));
  }
  RegisterManyRequest out;
  out.registrations.reserve(in.registrations_size());
  for (const auto& registration : in.registrations()) out.registrations.push_back(FromProto(registration));
  return out;
}

void ToProto(const RegisterManyRequest& in, pb::RegisterManyRequest* out) {
  out->Clear();
  for (const auto& registration : in.registrations) {
    if (registration.ok()) ToProto(*registration, out->add_registrations());
  }
}

absl::StatusOr<RegisterManyResponse> FromProto(const pb::RegisterManyResponse& in) {
  if (static_cast<uint32_t>(in.outcomes_size()) > kMaxRegistrationsPerMessage) {
    return Bad("outcomes", absl::StrCat("has ", in.outcomes_size(), " entries"));
  }
  RegisterManyResponse out;
  out.outcomes.reserve(in.outcomes_size());
  for (const auto& outcome : in.outcomes()) {
    if (outcome.has_registered()) {
      SHOAL_ASSIGN_OR_RETURN(out.outcomes.emplace_back(), FromProto(outcome.registered()));
      continue;
    }
    const auto code = static_cast<absl::StatusCode>(outcome.refused().code());
    if (code == absl::StatusCode::kOk) return Bad("outcomes", "has one that is neither");
    out.outcomes.emplace_back(absl::Status(code, outcome.refused().message()));
  }
  SHOAL_ASSIGN_OR_RETURN(out.ticket_issuer, IssuerFrom(in.ticket_issuer()));
  return out;
}

void ToProto(const RegisterManyResponse& in, pb::RegisterManyResponse* out) {
  out->Clear();
  SetIssuer(in.ticket_issuer, out);
  for (const auto& outcome : in.outcomes) {
    pb::RegisterOutcome* const one = out->add_outcomes();
    if (outcome.ok()) {
      ToProto(*outcome, one->mutable_registered());
    } else {
      one->mutable_refused()->set_code(static_cast<uint32_t>(outcome.status().code()));
      one->mutable_refused()->set_message(std::string(outcome.status().message()));
    }
  }
}

// ---- Heartbeat

absl::StatusOr<HeartbeatRequest> FromProto(const pb::HeartbeatRequest& in) {
  HeartbeatRequest out;
  SHOAL_ASSIGN_OR_RETURN(out.peer_id, IdFrom<PeerId>(in.peer_id(), "peer_id"));
  SHOAL_ASSIGN_OR_RETURN(out.peer_secret, SecretFrom(in.peer_secret()));
  if (static_cast<uint32_t>(in.leases_size()) > kMaxLeasesPerHeartbeat) {
    return Bad("leases",
               absl::StrCat("has ", in.leases_size(), " entries, the most is ", kMaxLeasesPerHeartbeat));
  }
  out.leases.reserve(in.leases_size());
  for (const auto& lease : in.leases()) {
    SHOAL_ASSIGN_OR_RETURN(out.leases.emplace_back(),
                           BeatFrom(lease, Field::Entry("leases", out.leases.size())));
  }
  SHOAL_RETURN_IF_ERROR(ReportsFrom(in.reports(), &out.reports));
  return out;
}

void ToProto(const HeartbeatRequest& in, pb::HeartbeatRequest* out) {
  out->Clear();
  out->set_peer_id(in.peer_id.ToString());
  SetSecret(in.peer_secret, out);
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
  for (const PeerReport& report : in.reports) {
    pb::PeerReport* const out_report = out->add_reports();
    out_report->set_lease_id(report.lease_id.value());
    out_report->set_peer_id(report.peer.ToString());
    out_report->set_reason(report.reason == PeerReport::Reason::kLying ? pb::PeerReport::REASON_LYING
                                                                       : pb::PeerReport::REASON_DEAD);
  }
}

absl::StatusOr<HeartbeatResponse> FromProto(const pb::HeartbeatResponse& in) {
  HeartbeatResponse out;
  SHOAL_RETURN_IF_ERROR(LeaseTimesFrom(in, &out));
  if (static_cast<uint32_t>(in.directives_size()) > kMaxLeasesPerHeartbeat) {
    return Bad("directives", absl::StrCat("has ", in.directives_size(), " entries"));
  }
  for (const auto& directive : in.directives()) {
    // Ignores kinds that are newer than this program.
    if (directive.kind() == pb::Directive::KIND_REGISTER_AGAIN) {
      out.register_again.push_back(LeaseId(directive.lease_id()));
    }
  }
  SHOAL_ASSIGN_OR_RETURN(out.ticket_issuer, IssuerFrom(in.ticket_issuer()));
  return out;
}

void ToProto(const HeartbeatResponse& in, pb::HeartbeatResponse* out) {
  out->Clear();
  SetIssuer(in.ticket_issuer, out);
  ToProto(in.ttl, out->mutable_ttl());
  ToProto(in.heartbeat_interval, out->mutable_heartbeat_interval());
  for (const LeaseId lease : in.register_again) {
    pb::Directive* const directive = out->add_directives();
    directive->set_kind(pb::Directive::KIND_REGISTER_AGAIN);
    directive->set_lease_id(lease.value());
  }
}

// ---- Leave

absl::StatusOr<LeaveRequest> FromProto(const pb::LeaveRequest& in) {
  LeaveRequest out;
  SHOAL_ASSIGN_OR_RETURN(out.peer_id, IdFrom<PeerId>(in.peer_id(), "peer_id"));
  SHOAL_ASSIGN_OR_RETURN(out.peer_secret, SecretFrom(in.peer_secret()));
  out.lease_ids.reserve(in.lease_ids_size());
  for (const uint64_t lease : in.lease_ids()) out.lease_ids.push_back(LeaseId(lease));
  return out;
}

void ToProto(const LeaveRequest& in, pb::LeaveRequest* out) {
  out->Clear();
  out->set_peer_id(in.peer_id.ToString());
  SetSecret(in.peer_secret, out);
  for (const LeaseId lease : in.lease_ids) out->add_lease_ids(lease.value());
}

absl::StatusOr<LeaveResponse> FromProto(const pb::LeaveResponse& in) {
  return LeaveResponse{in.ended()};
}

void ToProto(const LeaveResponse& in, pb::LeaveResponse* out) {
  out->Clear();
  out->set_ended(in.ended);
}

}  // namespace shoal::tracking
