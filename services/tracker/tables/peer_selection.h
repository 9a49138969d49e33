#pragma once

#include <cstdint>

#include "absl/container/inlined_vector.h"
#include "absl/functional/function_ref.h"
#include "services/tracker/tables/random_source.h"

namespace shoal::tracker {

// A peer, by its place in one of a swarm's two lists.
struct PeerPlace {
  bool complete = false;
  uint32_t place = 0;

  friend bool operator==(const PeerPlace&, const PeerPlace&) = default;
};

enum class Candidate {
  kUnfit,  // never selected: the caller itself, lapsed, or reported by several
  kBusy,   // no free slot
  kFree,
  kBusyNear,  // the same, at the caller's own site
  kFreeNear,
};

using PeerChoice = absl::InlinedVector<PeerPlace, 64>;

// Returns: how many of `wanted` peers should be complete ones, given how many of each kind are available. The
// swarm's proportion (`complete` to `partial`), but at least a quarter of each kind; one kind fills what the
// other can't.
uint32_t CompleteShare(uint32_t wanted, uint32_t available_complete, uint32_t available_partial,
                       uint32_t complete, uint32_t partial);

// Selects the peers of a swarm that one caller is given: pure policy.
//
// The result is a random sample, so that all peers get equally many connections. Complete and partial peers
// appear in the swarm's own proportion, but at least a quarter of each kind if there are any: a download
// needs some peer with the rare chunks, and seeders need others to share the work. Among the sampled, peers
// with free slots come first, and of these the ones at the caller's site; but one in four is from elsewhere
// if possible, so that sites do not separate into swarms of their own. The order of the result is random.
//
// Looks at no more than about twice `wanted` peers, however large the swarm, and changes nothing: it divides
// each list into equal stretches and draws one place from each. So it may find fewer than `wanted` when many
// are unfit.
PeerChoice SelectPeers(uint32_t complete_count, uint32_t partial_count, uint32_t wanted,
                       absl::FunctionRef<Candidate(PeerPlace)> look, RandomSource* random);

}  // namespace shoal::tracker
