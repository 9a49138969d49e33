#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "clients/leecher/download/policy/request_planner.h"
#include "tests/sim/link.h"
#include "tests/sim/network.h"
#include "tests/sim/player.h"
#include "tests/sim/uploads.h"
#include "tests/sim/virtual_time.h"

namespace shoal::sim {

// The fetching half of a leecher: the real RequestPlanner over simulated links. Arriving chunks go to the
// node's Uploads. Thread safety: one thread.
class Downloads final : private leecher::RequestSink {
 public:
  struct Options {
    uint32_t chunk_count = 0;
    leecher::RequestPlanner::Options planner;
    uint32_t neighbours = 16;
    absl::Duration verify;
    bool sequential = false;
    std::optional<Player::Options> player{};  // reads while it downloads
  };
  // The period of its link checks.
  static constexpr absl::Duration kTick = absl::Milliseconds(100);

  // Requires: all arguments outlive this. `dial` connects to a node that this is not connected to; it returns
  // false when there is none. `finished` is called when the last chunk is held.
  Downloads(VirtualTime& time, Network& network, Uploads& uploads, const Options& options,
            std::function<bool(Downloads&)> dial, std::function<void()> finished);

  void Begin();
  // Ends all activity, as when the process is killed.
  void End();
  // Takes a connection that `dial` made.
  void Add(Link& link);
  bool IsLinkedTo(NodeIndex server) const;

  // --- Messages from servers.
  void Ready(Link& link, const ChunkSet& held, bool serves_any);
  void ServerGained(Link& link, const std::vector<ChunkRange>& gained);
  void NothingFresh(Link& link);
  void ChunkBegan(Link& link);
  // More bytes of the chunk arrived.
  void Moved(Link& link);
  void Arrived(Link& link);
  // The connection broke.
  void Lost(Link& link);

  Uploads& uploads() { return uploads_; }
  const Uploads& uploads() const { return uploads_; }
  bool done() const { return done_; }
  uint64_t wasted_bytes() const { return wasted_bytes_; }
  // Null: there is no reader.
  const Player* player() const { return player_.get(); }

 private:
  void Request(leecher::PeerSlot peer, std::span<const ChunkIndex> chunks) override;
  void RequestAny(leecher::PeerSlot peer, uint32_t chunks) override;
  void Cancel(leecher::PeerSlot peer, std::span<const ChunkIndex> chunks) override;

  static leecher::PeerSlot SlotOf(const Link& link) { return leecher::PeerSlot(link.index.value()); }
  void Tick();
  void PlanSoon();
  void Stored(ChunkIndex chunk);
  void Drop(Link& link);
  template <typename Handle>
  void TellServer(Link& link, Handle handle);

  VirtualTime& time_;
  Network& network_;
  Uploads& uploads_;
  const Options options_;
  const std::function<bool(Downloads&)> dial_;
  const std::function<void()> finished_;
  leecher::RequestPlanner planner_;
  std::unique_ptr<Player> player_;
  std::vector<Link*> links_;
  absl::flat_hash_map<leecher::PeerSlot, Link*> by_slot_;
  bool planning_ = false;  // PlanSoon was called
  bool done_ = false;      // holds everything, or was killed
  uint64_t wasted_bytes_ = 0;
};

}  // namespace shoal::sim
