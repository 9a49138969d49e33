#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "google/protobuf/repeated_field.h"
#include "shoal/tracker/v1/messages.pb.h"
#include "shoal/tracking/messages/message_field.h"
#include "shoal/tracking/messages/messages.h"

namespace shoal::tracking {

// What messages say of BitTorrent's swarms, between its plain form and protobuf, as in proto_conversion.h.

absl::StatusOr<BitTorrentSwarm> BitTorrentSwarmFrom(const tracker::v1::BitTorrentSwarm& in,
                                                    const Field& field);
absl::StatusOr<std::vector<BitTorrentSwarm>> BitTorrentSwarmsFrom(
    const google::protobuf::RepeatedPtrField<tracker::v1::BitTorrentSwarm>& in);
absl::StatusOr<std::vector<BitTorrentPeer>> BitTorrentPeersFrom(
    const google::protobuf::RepeatedPtrField<tracker::v1::BitTorrentPeer>& in);

void ToProto(const BitTorrentSwarm& in, tracker::v1::BitTorrentSwarm* out);
void ToProto(const BitTorrentPeer& in, tracker::v1::BitTorrentPeer* out);

}  // namespace shoal::tracking
