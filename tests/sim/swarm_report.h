#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tests/sim/player.h"

namespace shoal::sim {

// The outcome of a scenario.
struct SwarmReport {
  uint32_t leechers = 0;  // that were to finish
  uint32_t finished = 0;
  absl::Duration bound;
  absl::Duration last;  // of those that finished
  absl::Duration mean;
  double seeder_copies = 0;  // payload that left the seeders, in contents
  double wasted = 0;         // payload that its receivers discarded, as a share of what was needed
  uint64_t events = 0;

  std::vector<Player::Seek> seeks;  // of all players

  // Over equal periods from the start.
  struct Period {
    double seeder_use = 0;    // of the seeders' uplinks
    double leechers_use = 0;  // of theirs
    double idle = 0;          // leechers that sent nothing at the period's end
    double could_help = 0;    // of these, of all leechers: that hold something that a client of theirs lacks
  };
  std::vector<Period> periods;

  double LastRatio() const { return absl::FDivDuration(last, bound); }
  double MeanRatio() const { return absl::FDivDuration(mean, bound); }
  std::string ToString() const;         // one line
  std::string PeriodsToString() const;  // one line each
  std::string SeeksToString() const;    // one line
};

}  // namespace shoal::sim
