#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
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
  void Stored(const PeerId& peer);  // a valid chunk from it
  // What this process's chunk server has sent so far. Called repeatedly.
  void Sent(const stream::ContentTotals& totals, absl::Duration now);
  void Failed(const PeerId& peer, const Endpoint& endpoint);
  void Dropped(const PeerId& peer, const std::string& because);

  // All peers that ever sent or received something, failed, or are connected; most chunks first.
  std::vector<DownloadStatus::Peer> Report(absl::Duration now);

 private:
  struct Entry {
    DownloadStatus::Peer peer;
    std::unique_ptr<RateMeter> rate;       // while it sends to us
    std::unique_ptr<RateMeter> send_rate;  // once something was sent to it
  };
  Entry* Find(const PeerId& peer);
  // Returns null if there is no room for another.
  Entry* FindOrAdd(const PeerId& peer, const Endpoint& endpoint);

  absl::flat_hash_map<PeerId, Entry> entries_;
};

}  // namespace shoal::leecher
