#include "services/tracker/udp/bep15_datagrams.h"

#include <algorithm>
#include <array>
#include <optional>
#include <variant>

namespace shoal::tracker {
namespace {

// When the client leaves it to the tracker.
constexpr uint32_t kDefaultPeers = 50;

uint32_t PeersWanted(const bep15::AnnounceRequest& request, const IpAddress& source) {
  const size_t peer_bytes = source.is_v4() ? bep15::kPeerBytesV4 : bep15::kPeerBytesV6;
  const auto most =
      static_cast<uint32_t>((bep15::kMaxResponseBytes - bep15::kAnnounceHeadBytes) / peer_bytes);
  return std::min(request.wanted < 0 ? kDefaultPeers : static_cast<uint32_t>(request.wanted), most);
}

// Replaces kept addresses in the peers of a response (see PeerAddresses::NameTo).
void NamePeersTo(const Caller& caller, size_t peer_bytes, std::span<uint8_t> peers) {
  const size_t ip_bytes = peer_bytes - sizeof(uint16_t);
  const auto skipped = static_cast<ptrdiff_t>(IpAddress().bytes().size() - ip_bytes);
  if (caller.local.is_unspecified() || caller.local.is_v4() != caller.source.is_v4()) return;
  for (; !peers.empty(); peers = peers.subspan(peer_bytes)) {
    std::array<uint8_t, 16> bytes = caller.source.bytes();  // for the prefix of an IPv4 address
    std::copy_n(peers.begin(), ip_bytes, bytes.begin() + skipped);
    const IpAddress named = PeerAddresses::NameTo(caller, IpAddress(bytes));
    std::copy_n(named.bytes().begin() + skipped, ip_bytes, peers.begin());
  }
}

}  // namespace

void Bep15Datagrams::Prefetch(std::span<const IncomingDatagram> batch) const {
  using Step = BitTorrentShard::PrefetchStep;
  for (const Step step : {Step::kSwarm, Step::kPeers}) {
    for (const IncomingDatagram& datagram : batch) {
      const auto swarm = bep15::AnnouncedSwarm(datagram.bytes);
      if (swarm) swarms_->Prefetch(*swarm, step);
    }
  }
}

Datagram Bep15Datagrams::Answer(absl::Duration now, bool overloaded, const PeerAddresses& addresses,
                                IncomingDatagram* datagram) const {
  const bep15::Request request = bep15::ParseRequest(datagram->bytes);
  uint8_t* const to = datagram->room.data();
  if (const auto* announce = std::get_if<bep15::AnnounceRequest>(&request)) {
    if (!ids_->Check(datagram->source.ip, now, announce->connection_id)) return Datagram::kUnproven;
    if (!limiter_->Admit(datagram->source.ip, now)) return Datagram::kOverRate;
    Datagram result = Datagram::kAnswered;
    const Caller caller{datagram->source.ip, datagram->local};
    datagram->response_bytes = Announce(*announce, addresses, caller, now, to, &result);
    return result;
  }
  if (const auto* scrape = std::get_if<bep15::ScrapeRequest>(&request)) {
    if (!ids_->Check(datagram->source.ip, now, scrape->connection_id)) return Datagram::kUnproven;
    if (!limiter_->Admit(datagram->source.ip, now)) return Datagram::kOverRate;
    datagram->response_bytes = Scrape(*scrape, to);
    return Datagram::kAnswered;
  }
  if (const auto* connect = std::get_if<bep15::ConnectRequest>(&request)) {
    if (overloaded || !limiter_->AdmitUnproven(now)) return Datagram::kOverRate;
    datagram->response_bytes =
        bep15::WriteConnectResponse(connect->transaction_id, ids_->Make(datagram->source.ip, now), to);
    return Datagram::kCookieGiven;
  }
  return Datagram::kMalformed;
}

size_t Bep15Datagrams::Announce(const bep15::AnnounceRequest& request, const PeerAddresses& addresses,
                                const Caller& caller, absl::Duration now, uint8_t* to,
                                Datagram* result) const {
  if (request.port == 0) {
    *result = Datagram::kRefused;
    return bep15::WriteError(request.transaction_id, "port 0: say at which port you listen", to);
  }
  BitTorrentAnnounce announce;
  announce.info_hash = request.info_hash;
  announce.peer = {addresses.Kept(caller.source), request.port};
  announce.seeder = request.left_bytes == 0;
  announce.completed = request.event == bep15::Event::kCompleted;
  announce.stopped = request.event == bep15::Event::kStopped;
  announce.wanted = PeersWanted(request, caller.source);
  const auto answer = swarms_->Announce(announce, now, to + bep15::kAnnounceHeadBytes);
  switch (answer.outcome) {
    case BitTorrentOutcome::kDone:
      break;
    case BitTorrentOutcome::kTooManySwarms:
      *result = Datagram::kRefused;
      return bep15::WriteError(request.transaction_id, "this tracker takes no more swarms: try later", to);
    case BitTorrentOutcome::kTooManyPeers:
      *result = Datagram::kRefused;
      return bep15::WriteError(request.transaction_id, "this tracker takes no more peers: try later", to);
    case BitTorrentOutcome::kSwarmFull:
      *result = Datagram::kRefused;
      return bep15::WriteError(request.transaction_id, "this swarm is full: try later", to);
  }
  const size_t head = bep15::WriteAnnounceHead(request.transaction_id, interval_seconds_, answer.counts, to);
  const size_t peer_bytes = caller.source.is_v4() ? bep15::kPeerBytesV4 : bep15::kPeerBytesV6;
  NamePeersTo(caller, peer_bytes, {to + bep15::kAnnounceHeadBytes, answer.peers * peer_bytes});
  return head + answer.peers * peer_bytes;
}

size_t Bep15Datagrams::Scrape(const bep15::ScrapeRequest& request, uint8_t* to) const {
  size_t size = bep15::WriteScrapeHead(request.transaction_id, to);
  for (ByteView hashes = request.info_hashes; !hashes.empty();
       hashes = hashes.subspan(InfoHash::kSizeBytes)) {
    std::array<uint8_t, InfoHash::kSizeBytes> hash;
    std::copy_n(hashes.begin(), hash.size(), hash.begin());
    size += bep15::WriteScrapeEntry(swarms_->Scrape(InfoHash(hash)), to + size);
  }
  return size;
}

}  // namespace shoal::tracker
