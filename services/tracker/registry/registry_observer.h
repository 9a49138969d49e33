#pragma once

#include <cstdint>
#include <string>

#include "shoal/tracking/messages/messages.h"

namespace shoal::tracker {

// A change of one lease. Describes the lease in full, so that an observer needs no earlier state to apply it.
struct LeaseChange {
  enum class Kind {
    kBegan,      // a registration created it
    kMoved,      // its endpoints changed, or its peer no longer has every chunk
    kRelabeled,  // its site changed, or whether it publishes, and nothing of the above
    kCompleted,  // its peer now has every chunk, and nothing else changed
    kEnded,      // its peer left, or it lapsed
  };

  Kind kind = Kind::kBegan;
  uint32_t shard = 0;
  uint64_t sequence = 0;  // of the shard's changes: 1, 2, 3, without a gap
  tracking::LeaseId lease;
  const tracking::ContentSummary& content;
  tracking::PeerInfo peer;  // after the change; for kEnded, before it
  std::string site;         // the peer's; empty: none
  bool publishes = false;   // as in RegisterRequest
};

// Receives every change of a registry's leases, in order: the one seam for whatever follows a registry, such
// as a replica of it. Heartbeats are no change, but for the one that brings the last chunk; neither are free
// slots, transfer totals, or the same registration again. A lapsed lease ends here when the registry removes
// it, which may be later than it stops being handed out (see Registry).
//
// Thread safety: changes of one shard arrive one at a time, in the order of `sequence`; those of different
// shards may arrive at the same time on different threads. An implementation must be safe for that.
//
// OnChange is called with the shard's lock held, on the thread of the call that caused the change. It must
// return quickly, and must not call the registry, block, or take a lock under which the registry is called.
// It should copy what it needs into a queue of its own: `change` and what it refers to end with the call.
class RegistryObserver {
 public:
  virtual ~RegistryObserver() = default;
  virtual void OnChange(const LeaseChange& change) = 0;
};

}  // namespace shoal::tracker
