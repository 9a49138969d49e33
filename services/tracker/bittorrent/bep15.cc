#include "services/tracker/bittorrent/bep15.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "absl/strings/string_view.h"

namespace shoal::tracker::bep15 {
namespace {

// Sent in place of a connection id by a client that has none.
constexpr uint64_t kProtocolId = 0x0000041727101980;

constexpr uint32_t kConnect = 0;
constexpr uint32_t kAnnounce = 1;
constexpr uint32_t kScrape = 2;
constexpr uint32_t kError = 3;

constexpr size_t kRequestHeadBytes = 16;  // connection id, action, transaction id
constexpr size_t kMaxErrorBytes = 64;

InfoHash InfoHashAt(const uint8_t* from) {
  std::array<uint8_t, InfoHash::kSizeBytes> bytes;
  std::memcpy(bytes.data(), from, bytes.size());
  return InfoHash(bytes);
}

AnnounceRequest AnnounceAt(const uint8_t* from) {
  AnnounceRequest request;
  request.connection_id = LoadBig<uint64_t>(from);
  request.transaction_id = LoadBig<uint32_t>(from + 12);
  request.info_hash = InfoHashAt(from + 16);
  request.left_bytes = LoadBig<uint64_t>(from + 64);
  const auto event = LoadBig<uint32_t>(from + 80);
  request.event = event <= 3 ? static_cast<Event>(event) : Event::kNone;
  request.wanted = static_cast<int32_t>(LoadBig<uint32_t>(from + 92));
  request.port = LoadBig<uint16_t>(from + 96);
  return request;
}

void WriteResponseHead(uint32_t action, uint32_t transaction_id, uint8_t* to) {
  StoreBig(action, to);
  StoreBig(transaction_id, to + 4);
}

std::string RequestHead(uint64_t connection_id, uint32_t action, uint32_t transaction_id) {
  std::string out;
  AppendBig(connection_id, &out);
  AppendBig(action, &out);
  AppendBig(transaction_id, &out);
  return out;
}

Endpoint PeerFrom(ByteReader* reader, bool v6) {
  Endpoint peer;
  const ByteView ip = reader->ReadBytes(v6 ? 16 : 4);
  if (v6) {
    std::array<uint8_t, 16> bytes;
    std::copy(ip.begin(), ip.end(), bytes.begin());
    peer.ip = IpAddress(bytes);
  } else {
    std::array<uint8_t, 4> bytes;
    std::copy(ip.begin(), ip.end(), bytes.begin());
    peer.ip = IpAddress::V4(bytes);
  }
  peer.port = reader->ReadBig<uint16_t>();
  return peer;
}

}  // namespace

Request ParseRequest(ByteView datagram) {
  if (datagram.size() < kRequestHeadBytes) return std::monostate();
  const uint8_t* const bytes = datagram.data();
  switch (LoadBig<uint32_t>(bytes + 8)) {
    case kConnect:
      if (LoadBig<uint64_t>(bytes) != kProtocolId) return std::monostate();
      return ConnectRequest{LoadBig<uint32_t>(bytes + 12)};
    case kAnnounce:
      if (datagram.size() < kAnnounceRequestBytes) return std::monostate();
      return AnnounceAt(bytes);
    case kScrape: {
      const size_t hashes =
          std::min((datagram.size() - kRequestHeadBytes) / InfoHash::kSizeBytes, kMaxScrapedHashes);
      if (hashes == 0) return std::monostate();
      return ScrapeRequest{LoadBig<uint64_t>(bytes), LoadBig<uint32_t>(bytes + 12),
                           datagram.subspan(kRequestHeadBytes, hashes * InfoHash::kSizeBytes)};
    }
    default:
      return std::monostate();
  }
}

std::optional<InfoHash> AnnouncedSwarm(ByteView datagram) {
  if (datagram.size() < kAnnounceRequestBytes || LoadBig<uint32_t>(datagram.data() + 8) != kAnnounce) {
    return std::nullopt;
  }
  return InfoHashAt(datagram.data() + 16);
}

size_t WriteConnectResponse(uint32_t transaction_id, uint64_t connection_id, uint8_t* to) {
  WriteResponseHead(kConnect, transaction_id, to);
  StoreBig(connection_id, to + 8);
  return kConnectResponseBytes;
}

size_t WriteAnnounceHead(uint32_t transaction_id, uint32_t interval_seconds, const SwarmCounts& counts,
                         uint8_t* to) {
  WriteResponseHead(kAnnounce, transaction_id, to);
  StoreBig(interval_seconds, to + 8);
  StoreBig(counts.leechers, to + 12);
  StoreBig(counts.seeders, to + 16);
  return kAnnounceHeadBytes;
}

size_t WriteScrapeHead(uint32_t transaction_id, uint8_t* to) {
  WriteResponseHead(kScrape, transaction_id, to);
  return kScrapeHeadBytes;
}

size_t WriteScrapeEntry(const SwarmCounts& counts, uint8_t* to) {
  // The order differs from an announce's.
  StoreBig(counts.seeders, to);
  StoreBig(counts.completed, to + 4);
  StoreBig(counts.leechers, to + 8);
  return kScrapeEntryBytes;
}

size_t WriteError(uint32_t transaction_id, absl::string_view message, uint8_t* to) {
  WriteResponseHead(kError, transaction_id, to);
  const size_t size = std::min(message.size(), kMaxErrorBytes);
  std::memcpy(to + 8, message.data(), size);
  return 8 + size;
}

std::string BuildConnect(const ConnectRequest& request) {
  return RequestHead(kProtocolId, kConnect, request.transaction_id);
}

std::string BuildAnnounce(const AnnounceRequest& request, const std::string& peer_id_20_bytes) {
  std::string out = RequestHead(request.connection_id, kAnnounce, request.transaction_id);
  out += request.info_hash.ToString();
  std::string peer_id = peer_id_20_bytes;
  peer_id.resize(20);
  out += peer_id;
  AppendBig(uint64_t{0}, &out);  // downloaded
  AppendBig(request.left_bytes, &out);
  AppendBig(uint64_t{0}, &out);  // uploaded
  AppendBig(static_cast<uint32_t>(request.event), &out);
  AppendBig(uint32_t{0}, &out);  // the address: that of the datagram
  AppendBig(uint32_t{0}, &out);  // key
  AppendBig(static_cast<uint32_t>(request.wanted), &out);
  AppendBig(request.port, &out);
  return out;
}

std::string BuildScrape(uint64_t connection_id, uint32_t transaction_id,
                        const std::vector<InfoHash>& hashes) {
  std::string out = RequestHead(connection_id, kScrape, transaction_id);
  for (const InfoHash& hash : hashes) out += hash.ToString();
  return out;
}

Response ParseResponse(ByteView datagram, bool v6) {
  ByteReader reader(datagram);
  const auto action = reader.ReadBig<uint32_t>();
  const auto transaction_id = reader.ReadBig<uint32_t>();
  if (!reader.ok()) return std::monostate();
  switch (action) {
    case kConnect: {
      const ConnectResponse response{transaction_id, reader.ReadBig<uint64_t>()};
      return reader.ok() ? Response(response) : Response();
    }
    case kAnnounce: {
      AnnounceResponse response;
      response.transaction_id = transaction_id;
      response.interval_seconds = reader.ReadBig<uint32_t>();
      response.counts.leechers = reader.ReadBig<uint32_t>();
      response.counts.seeders = reader.ReadBig<uint32_t>();
      if (!reader.ok()) return std::monostate();
      while (reader.remaining() >= (v6 ? kPeerBytesV6 : kPeerBytesV4))
        response.peers.push_back(PeerFrom(&reader, v6));
      return response;
    }
    case kScrape: {
      ScrapeResponse response;
      response.transaction_id = transaction_id;
      while (reader.remaining() >= kScrapeEntryBytes) {
        SwarmCounts& counts = response.counts.emplace_back();
        counts.seeders = reader.ReadBig<uint32_t>();
        counts.completed = reader.ReadBig<uint32_t>();
        counts.leechers = reader.ReadBig<uint32_t>();
      }
      return response;
    }
    case kError:
      return ErrorResponse{transaction_id, reader.ReadString(reader.remaining())};
    default:
      return std::monostate();
  }
}

}  // namespace shoal::tracker::bep15
