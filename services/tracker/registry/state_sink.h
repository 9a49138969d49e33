#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "shoal/base/endpoint.h"
#include "shoal/content/manifest/chunk_set.h"
#include "shoal/content/manifest/ids.h"
#include "shoal/tracking/messages/messages.h"

namespace shoal::tracker {

// A peer of a content as it goes from one life of a tracker to the next: what it registered with.
struct StatePeer {
  PeerId id;
  Endpoint endpoint;
  uint16_t free_slots = 0;
  std::optional<ChunkSet> held;  // none: all
  std::string site = {};
};

// Takes what a registry knows, one after the other: a content, then its peers; a BitTorrent swarm, then its
// peers. What writes a state file is one, and what fills a registry from it.
class StateSink {
 public:
  virtual ~StateSink() = default;
  virtual void Content(const tracking::ContentSummary& summary, absl::Time first_seen) = 0;
  virtual void Peer(const StatePeer& peer) = 0;
  // `completed`: downloads that came to their end.
  virtual void Swarm(const InfoHash& info_hash, uint32_t completed) = 0;
  // `silent`: how long it had not been heard of.
  virtual void SwarmPeer(const Endpoint& endpoint, bool seeder, absl::Duration silent) = 0;
};

}  // namespace shoal::tracker
