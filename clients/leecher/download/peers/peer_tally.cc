#include "clients/leecher/download/peers/peer_tally.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace shoal::leecher {

void PeerTally::Connected(const PeerId& peer, const Endpoint& endpoint) {
  Entry* entry = Find(peer);
  if (entry == nullptr && entries_.size() >= kMaxPeers) {
    absl::erase_if(entries_, [](const auto& old) {
      return !old.second.peer.connected && old.second.peer.chunks == 0 && old.second.peer.sent_bytes == 0 &&
             old.second.peer.dropped_because.empty();
    });
  }
  if (entry == nullptr) entry = &entries_[peer];
  entry->peer.id = peer;
  entry->peer.endpoint = endpoint;
  entry->peer.connected = true;
}

void PeerTally::Disconnected(const PeerId& peer) {
  if (Entry* entry = Find(peer); entry != nullptr) {
    entry->peer.connected = false;
    entry->peer.chunks_held = 0;
    entry->rate.reset();
  }
}

void PeerTally::Received(const PeerId& peer, absl::Duration now, uint64_t bytes) {
  Entry* entry = Find(peer);
  if (entry == nullptr) return;
  if (entry->rate == nullptr) entry->rate = std::make_unique<RateMeter>(now);
  entry->rate->Add(now, bytes);
  entry->peer.received_bytes += bytes;
}

uint16_t PeerTally::Stored(const PeerId& peer) {
  Entry* entry = Find(peer);
  if (entry == nullptr) return 0;
  ++entry->peer.chunks;
  if (entry->number == 0 && senders_.size() < UINT16_MAX) {
    senders_.push_back({peer, entry->peer.endpoint});
    entry->number = static_cast<uint16_t>(senders_.size());
  }
  return entry->number;
}

void PeerTally::Holds(const PeerId& peer, uint32_t chunks) {
  if (Entry* entry = Find(peer); entry != nullptr) entry->peer.chunks_held = chunks;
}

void PeerTally::Sent(const stream::ContentTotals& totals, absl::Duration now) {
  absl::flat_hash_map<PeerId, stream::PeerUpload> uploads;  // a peer may have had several connections
  for (const auto* connections : {&totals.gone, &totals.peers}) {
    for (const stream::PeerUpload& connection : *connections) {
      const auto [known, first] = uploads.try_emplace(connection.peer, connection);
      if (!first) known->second.sent_bytes += connection.sent_bytes;
    }
  }
  for (const auto& [peer, upload] : uploads) {
    if (upload.sent_bytes == 0) continue;
    Entry* entry = FindOrAdd(peer, upload.endpoint);
    if (entry == nullptr || upload.sent_bytes <= entry->peer.sent_bytes) continue;
    if (entry->send_rate == nullptr) entry->send_rate = std::make_unique<RateMeter>(now);
    entry->send_rate->Add(now, upload.sent_bytes - entry->peer.sent_bytes);
    entry->peer.sent_bytes = upload.sent_bytes;
  }
}

void PeerTally::Failed(const PeerId& peer, const Endpoint& endpoint) {
  if (Entry* entry = FindOrAdd(peer, endpoint); entry != nullptr) ++entry->peer.failures;
}

void PeerTally::Dropped(const PeerId& peer, const std::string& because) {
  if (Entry* entry = Find(peer); entry != nullptr) entry->peer.dropped_because = because;
}

std::vector<DownloadStatus::Peer> PeerTally::Report(absl::Duration now) {
  std::vector<DownloadStatus::Peer> report;
  report.reserve(entries_.size());
  for (auto& [id, entry] : entries_) {
    entry.peer.rate_bytes_per_second = entry.rate == nullptr ? 0 : entry.rate->BytesPerSecond(now);
    entry.peer.send_rate_bytes_per_second =
        entry.send_rate == nullptr ? 0 : entry.send_rate->BytesPerSecond(now);
    report.push_back(entry.peer);
  }
  std::sort(report.begin(), report.end(), [](const DownloadStatus::Peer& a, const DownloadStatus::Peer& b) {
    return a.chunks != b.chunks ? a.chunks > b.chunks : a.endpoint < b.endpoint;
  });
  return report;
}

PeerTally::Entry* PeerTally::FindOrAdd(const PeerId& peer, const Endpoint& endpoint) {
  if (Entry* known = Find(peer); known != nullptr) return known;
  if (entries_.size() >= kMaxPeers) return nullptr;
  Entry& entry = entries_[peer];
  entry.peer.id = peer;
  entry.peer.endpoint = endpoint;
  return &entry;
}

PeerTally::Entry* PeerTally::Find(const PeerId& peer) {
  const auto found = entries_.find(peer);
  return found == entries_.end() ? nullptr : &found->second;
}

}  // namespace shoal::leecher
