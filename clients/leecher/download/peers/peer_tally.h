#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "clients/leecher/download/model/chunk_map.h"
#include "clients/leecher/download/model/download_status.h"
#include "shoal/base/rate_meter.h"
#include "shoal/stream/upload/upload_ledger.h"

namespace shoal::leecher {

// Counts what each peer sent and received in a download, over all of its connections. One thread.
class PeerTally {
 public:
  static constexpr size_t kMaxPeers = 1000;  // beyond these, only peers that connect are added

  void Connected(const PeerId& peer, const Endpoint& endpoint);
  void Disconnected(const PeerId& peer);
  void Received(const PeerId& peer, absl::Duration now, uint64_t bytes);
  // A valid chunk from it. Returns: its number among senders(), counted from 1; 0 if it has none.
  uint16_t Stored(const PeerId& peer);
  // A connected peer holds so many chunks.
  void Holds(const PeerId& peer, uint32_t chunks);
  // What this process's chunk server has sent so far. Called repeatedly.
  void Sent(const stream::ContentTotals& totals, absl::Duration now);
  void Failed(const PeerId& peer, const Endpoint& endpoint);
  void Dropped(const PeerId& peer, const std::string& because);

  // The peers that sent valid chunks, in the order of their first.
  const std::vector<ChunkSender>& senders() const { return senders_; }

  // All peers that ever sent or received something, failed, or are connected; most chunks first.
  std::vector<DownloadStatus::Peer> Report(absl::Duration now);

 private:
  struct Entry {
    DownloadStatus::Peer peer;
    std::unique_ptr<RateMeter> rate;       // while it sends to us
    std::unique_ptr<RateMeter> send_rate;  // once something was sent to it
    uint16_t number = 0;                   // in senders_, counted from 1
  };
  Entry* Find(const PeerId& peer);
  // Returns null if there is no room for another.
  Entry* FindOrAdd(const PeerId& peer, const Endpoint& endpoint);

  absl::flat_hash_map<PeerId, Entry> entries_;
  std::vector<ChunkSender> senders_;
};

}  // namespace shoal::leecher
