#include "services/tracker/registry/registry_state.h"

#include <limits>
#include <vector>

#include "services/tracker/registry/registry.h"

namespace shoal::tracker {
namespace {

constexpr uint32_t kSwarmsPerPage = 256;

// Registers what it is told. What a limit refuses is left out.
class Restoring final : public StateSink {
 public:
  Restoring(Registry* registry, absl::Duration now) : registry_(registry), now_(now) {}

  void Content(const tracking::ContentSummary& summary, absl::Time first_seen) override {
    request_.content = summary;
    first_seen_ = first_seen;
  }
  void Peer(const StatePeer& peer) override {
    request_.peer_id = peer.id;
    request_.endpoint = peer.endpoint;
    request_.free_slots = peer.free_slots;
    request_.site = peer.site;
    request_.held = peer.held ? *peer.held : ChunkSet::All(request_.content.chunk_count);
    registry_->RestoreLease(request_, first_seen_).IgnoreError();
  }
  void Swarm(const InfoHash& info_hash, uint32_t completed) override {
    info_hash_ = info_hash;
    completed_ = completed;
  }
  void SwarmPeer(const Endpoint& endpoint, bool seeder, absl::Duration silent) override {
    registry_->bittorrent()->Restore(info_hash_, completed_, endpoint, seeder, silent, now_);
  }

 private:
  Registry* const registry_;
  const absl::Duration now_;
  tracking::RegisterRequest request_;
  absl::Time first_seen_;
  InfoHash info_hash_;
  uint32_t completed_ = 0;
};

}  // namespace

void ExportSwarms(const BitTorrentSwarms& swarms, absl::Duration now, StateSink* sink) {
  BitTorrentSwarms::Cursor cursor;
  std::vector<BitTorrentSwarms::Swarm> page;
  for (bool more = true; more;) {
    page.clear();
    more = swarms.Page(&cursor, kSwarmsPerPage, &page);
    for (const BitTorrentSwarms::Swarm& swarm : page) {
      std::vector<BitTorrentShard::Peer> peers;
      if (!swarms.Describe(swarm.info_hash, now, std::numeric_limits<uint32_t>::max(), &peers)) continue;
      if (peers.empty()) continue;
      sink->Swarm(swarm.info_hash, swarm.counts.completed);
      for (const BitTorrentShard::Peer& peer : peers) {
        sink->SwarmPeer(peer.endpoint, peer.seeder, swarms.Ticks(peer.age_ticks));
      }
    }
  }
}

std::unique_ptr<StateSink> MakeRestoring(Registry* registry, absl::Duration now) {
  return std::make_unique<Restoring>(registry, now);
}

}  // namespace shoal::tracker
