#include "shoal/tracking/messages/bittorrent_conversion.h"

#include "absl/strings/str_cat.h"
#include "shoal/base/status_macros.h"
#include "shoal/tracking/messages/content_conversion.h"
#include "shoal/tracking/messages/lease_conversion.h"
#include "shoal/tracking/messages/peer_conversion.h"

namespace shoal::tracking {
namespace {

namespace pb = ::shoal::tracker::v1;

constexpr int kMaxNamedSwarms = 1000;  // in one reply

}  // namespace

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
