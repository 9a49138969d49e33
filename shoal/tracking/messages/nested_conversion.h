#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/repeated_field.h"
#include "shoal/tracker/v1/messages.pb.h"
#include "shoal/tracking/messages/message_field.h"
#include "shoal/tracking/messages/messages.h"
#include "shoal/tracking/messages/warm_up.h"

namespace shoal::tracking {

// The conversions of proto_conversion.h for the messages that requests and responses contain: times, peers,
// contents, leases, and BitTorrent swarms. For the sources of this folder only, because it includes generated
// headers.
//
// A function `...From` checks what it converts. Errors: INVALID_ARGUMENT; the message names `field`, or the
// field in it. `ToProto` can't fail. All functions are pure.

// ---- Times. Clamped to the range of the field, which is far larger than any time that a tracker handles.

absl::Duration DurationFrom(const google::protobuf::Duration& in);
void ToProto(absl::Duration in, google::protobuf::Duration* out);
absl::Time TimeFrom(const google::protobuf::Timestamp& in);
void ToProto(absl::Time in, google::protobuf::Timestamp* out);

// The `warming_up` of a message: zero if it is unset or negative; at most kMaxWarmUp.
template <typename In>
absl::Duration WarmingUpFrom(const In& in) {
  return std::clamp(DurationFrom(in.warming_up()), absl::ZeroDuration(), kMaxWarmUp);
}
template <typename Out>
void SetWarmingUp(absl::Duration in, Out* out) {
  if (in > absl::ZeroDuration()) ToProto(in, out->mutable_warming_up());
}

// ---- Peers.

inline constexpr int kMaxNamedPeers = 1000;  // in one response

absl::StatusOr<Endpoint> EndpointFrom(const tracker::v1::Endpoint& in, bool may_be_unspecified,
                                      const Field& field);
// The other endpoints of a peer, in a registration or as a tracker names it.
absl::StatusOr<std::vector<Endpoint>> OtherEndpointsFrom(
    const google::protobuf::RepeatedPtrField<tracker::v1::Endpoint>& in, bool may_be_unspecified,
    const Field* parent);
absl::StatusOr<PeerInfo> PeerFrom(const tracker::v1::Peer& in, const Field& field);
absl::StatusOr<std::vector<PeerInfo>> PeersFrom(
    const google::protobuf::RepeatedPtrField<tracker::v1::Peer>& in);
// As CheckSite.
absl::StatusOr<std::string> SiteFrom(const std::string& in, const Field& field);

void ToProto(const Endpoint& in, tracker::v1::Endpoint* out);
void ToProto(const PeerInfo& in, tracker::v1::Peer* out);

// ---- Contents.

absl::StatusOr<ContentSummary> SummaryFrom(const content::v1::ContentSummary& in, const Field& field);
absl::StatusOr<ChunkSet> ChunkSetFrom(const content::v1::ChunkSet& in, uint32_t size, const Field& field);
// Not verified.
absl::StatusOr<PublisherSignature> SignatureFrom(const content::v1::PublisherSignature& in,
                                                 const Field& field);
absl::StatusOr<ContentStatus> StatusFrom(const tracker::v1::ContentStatus& in, const Field& field);
absl::StatusOr<std::vector<ContentStatus>> ContentsFrom(
    const google::protobuf::RepeatedPtrField<tracker::v1::ContentStatus>& in);

enum class Hex { kNo, kYes };  // whether to set the hex form of ids, as responses do
void ToProto(const ContentSummary& in, Hex hex, content::v1::ContentSummary* out);
void ToProto(const ChunkSet& in, content::v1::ChunkSet* out);
void ToProto(const PublisherSignature& in, content::v1::PublisherSignature* out);
void ToProto(const ContentStatus& in, tracker::v1::ContentStatus* out);

// ---- The numbers of a beat, which a heartbeat carries and GetSwarm returns.

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

// ---- BitTorrent swarms.

absl::StatusOr<BitTorrentSwarm> BitTorrentSwarmFrom(const tracker::v1::BitTorrentSwarm& in,
                                                    const Field& field);
absl::StatusOr<std::vector<BitTorrentSwarm>> BitTorrentSwarmsFrom(
    const google::protobuf::RepeatedPtrField<tracker::v1::BitTorrentSwarm>& in);
absl::StatusOr<std::vector<BitTorrentPeer>> BitTorrentPeersFrom(
    const google::protobuf::RepeatedPtrField<tracker::v1::BitTorrentPeer>& in);

void ToProto(const BitTorrentSwarm& in, tracker::v1::BitTorrentSwarm* out);
void ToProto(const BitTorrentPeer& in, tracker::v1::BitTorrentPeer* out);

}  // namespace shoal::tracking
