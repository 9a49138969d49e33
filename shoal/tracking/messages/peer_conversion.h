#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "google/protobuf/repeated_field.h"
#include "shoal/tracker/v1/messages.pb.h"
#include "shoal/tracking/messages/message_field.h"
#include "shoal/tracking/messages/messages.h"

namespace shoal::tracking {

// What messages say of a peer, between its plain form and protobuf, as in proto_conversion.h.

inline constexpr int kMaxNamedPeers = 1000;  // in one reply

absl::StatusOr<Endpoint> EndpointFrom(const tracker::v1::Endpoint& in, bool may_be_unspecified,
                                      const Field& field);
absl::StatusOr<PeerInfo> PeerFrom(const tracker::v1::Peer& in, const Field& field);
absl::StatusOr<std::vector<PeerInfo>> PeersFrom(
    const google::protobuf::RepeatedPtrField<tracker::v1::Peer>& in);
// As CheckSite.
absl::StatusOr<std::string> SiteFrom(const std::string& in, const Field& field);

void ToProto(const Endpoint& in, tracker::v1::Endpoint* out);
void ToProto(const PeerInfo& in, tracker::v1::Peer* out);

}  // namespace shoal::tracking
