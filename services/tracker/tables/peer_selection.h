#pragma once

#include <cstdint>

#include "absl/container/inlined_vector.h"
#include "absl/functional/function_ref.h"
#include "services/tracker/tables/random_source.h"

namespace shoal::tracker {

// A peer by its place in one of the two lists that a swarm is kept in.
struct PeerPlace {
  bool complete = false;
  uint32_t place = 0;

  friend bool operator==(const PeerPlace&, const PeerPlace&) = default;
};

enum class Candidate {
  kUnfit,  // not to be handed out: the caller itself, lapsed, or reported by several
  kBusy,   // no free slot
  kFree,
  kBusyNear,  // the same, at the caller's own site
  kFreeNear,
};

using PeerChoice = absl::InlinedVector<PeerPlace, 64>;

// How many of `wanted` peers are to be complete ones, when so many of each kind could be handed out: the
// swarm's own proportion (`complete` to `partial`), but at least a quarter of each kind; and what one kind
// can't fill, the other does.
uint32_t CompleteShare(uint32_t wanted, uint32_t available_complete, uint32_t available_partial,
                       uint32_t complete, uint32_t partial);

// Which peers of a swarm one caller is told of: pure policy.
//
// A random sample, so that all peers are asked equally often; complete and partial peers in the swarm's own
// proportion, but at least a quarter of each kind where there is one (a download wants somebody who surely
// has the rare chunks, and the seeders want others to do the rest); among those looked at, the ones with free
// slots first, and of these the ones at the caller's site; but one in four is of elsewhere as long as there
// are such, so that sites do not fall apart into swarms of their own. The order of the result is random.
//
// Looks at no more than about twice `wanted` peers, however large the swarm, and changes nothing: each list
// is cut into equal stretches and one place is drawn from each. So it may find fewer than `wanted` when many
// are unfit.
PeerChoice SelectPeers(uint32_t complete_count, uint32_t partial_count, uint32_t wanted,
                       absl::FunctionRef<Candidate(PeerPlace)> look, RandomSource* random);

}  // namespace shoal::tracker
