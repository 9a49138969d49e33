#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/time/time.h"
#include "services/tracker/registry/site_names.h"
#include "services/tracker/tables/lease_wheel.h"
#include "shoal/tracking/messages/messages.h"

namespace shoal::tracker {

inline constexpr uint32_t kNoSlot = ~0u;

// What the registry keeps of a lease. There are millions of these, so it is packed: with the tables that find
// it, a peer that has everything costs 125 to 145 bytes.
struct LeaseRecord {
  PeerId peer;
  Endpoint endpoint;
  uint16_t free_slots = 0;          // more than 65,535 counts as that
  uint32_t deadline = 0;            // the low half of the tick at which it lapses
  uint32_t registered_seconds = 0;  // since the registry began
  uint32_t chunks_held = 0;
  uint32_t content = kNoSlot;  // its ContentRecord
  uint32_t place = 0;          // in that one's list
  uint32_t nonce = 0;  // the part of the lease id that tells it from others in the slot; 0: not in use
  LeaseWheelLink wheel;
  uint32_t previous_of_peer = kNoSlot;  // the peer's other leases in this shard
  uint32_t next_of_peer = kNoSlot;
  float send_rate = 0;  // bytes per second; seven digits are enough for people
  float receive_rate = 0;
  SiteNumber site = kNoSite;
  bool shunned = false;  // several others reported its peer: handed to nobody until it registers again
  bool lies = false;     // one of them says that it sends wrong bytes
  uint64_t sent_bytes = 0;
  uint64_t received_bytes = 0;
  std::unique_ptr<ChunkSet> held;  // only while it has some chunks and not all
};
static_assert(sizeof(LeaseRecord) <= 112);

// What the registry keeps of a content.
struct ContentRecord {
  tracking::ContentSummary summary;
  absl::Time first_seen;
  // The swarm: slots of leases, unordered, one list for the peers that have everything and one for the
  // others.
  std::vector<uint32_t> complete;
  std::vector<uint32_t> partial;
  uint64_t forget_at = 0;  // tick; counts while nobody is in the swarm
  LeaseWheelLink wheel;    // in the wheel of contents without a peer, and only then

  bool has_peers() const { return !complete.empty() || !partial.empty(); }
};

}  // namespace shoal::tracker
