#pragma once

#include <cstdint>
#include <vector>

#include "absl/time/time.h"
#include "clients/leecher/download/policy/peer_credit.h"
#include "shoal/stream/upload/upload_turns.h"
#include "tests/sim/network.h"
#include "tests/sim/player.h"

namespace shoal::sim {

// Some seeders and some leechers that all fetch their one content. The run depends on nothing but these
// values.
struct Scenario {
  uint64_t random_seed = 1;
  uint32_t seeders = 1;
  uint32_t leechers = 32;
  uint32_t chunk_count = 256;
  uint32_t chunk_bytes = 256 * 1024;

  double seeder_up_bps = 20e6;
  double leecher_up_bps = 20e6;
  double down_bps = 200e6;
  NetworkTraits network{};

  bool serves_any = true;  // the seeders choose what they send first
  uint32_t seeder_turns = stream::kParallelUploads;
  uint32_t leecher_turns = stream::kParallelUploads;
  uint32_t neighbours = 32;  // that a leecher requests from, the seeders included
  leecher::CreditLimits credit{};
  absl::Duration have_apart = absl::Milliseconds(20);  // between two messages about gained chunks
  absl::Duration verify = absl::Milliseconds(3);       // from a chunk's last byte until it can be served

  // Leechers are numbered from 0 in the order of their joining. All join at the start, within `join_within`,
  // but for the last ones, which join at these times.
  absl::Duration join_within = absl::Milliseconds(50);
  std::vector<absl::Duration> late_joins{};

  // The first ones are read while they fetch; so many after them fetch in order, without a reader.
  uint32_t players = 0;
  uint32_t sequential = 0;
  Player::Options player{};

  struct Trouble {
    uint32_t leecher = 0;
    absl::Duration at;
    bool frozen = false;  // it falls silent but keeps its connections; otherwise it vanishes
  };
  std::vector<Trouble> troubles{};

  // Returns the lower bound that the links allow: the content must leave the seeders once, enter each leecher
  // once, and all copies must leave some uplink that has joined by then. Leechers in trouble neither receive
  // nor send in it.
  absl::Duration FluidBound() const;
};

}  // namespace shoal::sim
