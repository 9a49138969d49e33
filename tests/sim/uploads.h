#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "shoal/stream/upload/fresh_chunks.h"
#include "shoal/stream/upload/upload_turns.h"
#include "tests/sim/link.h"
#include "tests/sim/network.h"
#include "tests/sim/virtual_time.h"

namespace shoal::sim {

// The serving half of a node: the role of a ChunkServer and its sessions, with the real UploadTurns and
// FreshChunks, and a simulated link instead of a socket. Thread safety: one thread.
class Uploads {
 public:
  struct Options {
    uint32_t chunk_bytes = 0;
    uint32_t turns = 4;
    bool serves_any = false;
    absl::Duration have_apart;
    uint64_t random_seed = 0;
  };

  // Requires: `time` and `network` outlive this. `held`: the chunks at the start.
  Uploads(VirtualTime& time, Network& network, NodeIndex node, ChunkSet held, const Options& options);

  // --- Messages from clients. The link is one of this server's.
  void Accept(Link& link);
  void Close(Link& link);
  void Request(Link& link, const std::vector<ChunkIndex>& chunks);
  void RequestAny(Link& link, uint32_t chunks);
  void Cancel(Link& link, const std::vector<ChunkIndex>& chunks);
  void ClientGained(Link& link, const std::vector<ChunkRange>& gained);

  // This node holds one more chunk. Notifies its clients.
  void Gained(ChunkIndex chunk);
  // Requires: called periodically.
  void Look();

  NodeIndex node() const { return node_; }
  bool serves_any() const { return fresh_ != nullptr; }
  const ChunkSet& held() const { return held_; }
  // That can be reached: their connections are open here.
  const std::vector<Link*>& links() const { return links_; }

 private:
  void Serve(Link& link);
  void Begin(Link& link);
  void Send(Link& link, ChunkIndex chunk);
  void HandedOver(Link& link);
  void Arrived(Link& link);
  void EndTurn(Link& link);
  void BeginAll(const std::vector<stream::Uploader>& granted);
  void TellGains();
  void TellGainsTo(Link& link, std::vector<ChunkRange> gains);

  VirtualTime& time_;
  Network& network_;
  const NodeIndex node_;
  const Options options_;
  ChunkSet held_;
  std::unique_ptr<stream::FreshChunks> fresh_;  // null: does not serve any
  stream::UploadTurns turns_;
  std::vector<Link*> links_;
  absl::flat_hash_map<stream::Uploader, Link*> by_uploader_;
  std::vector<ChunkRange> untold_gains_;
  absl::Duration told_gains_at_ = -absl::InfiniteDuration();
  bool telling_gains_ = false;
};

}  // namespace shoal::sim
