#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <vector>

#include "absl/time/time.h"
#include "tests/sim/downloads.h"
#include "tests/sim/link.h"
#include "tests/sim/network.h"
#include "tests/sim/scenario.h"
#include "tests/sim/swarm_report.h"
#include "tests/sim/uploads.h"
#include "tests/sim/virtual_time.h"

namespace shoal::sim {

// Runs a scenario: the seeders, the leechers, the links between them, and the tracker's role (each leecher
// learns of all nodes that joined, and dials at random among them, the seeders first). Thread safety: one
// thread.
class Swarm {
 public:
  explicit Swarm(const Scenario& scenario);

  // Runs until all leechers (except those in trouble) are done, or until long past the bound.
  SwarmReport Run();

 private:
  struct Leecher {
    NodeIndex node;
    std::unique_ptr<Uploads> uploads;
    std::unique_ptr<Downloads> downloads;
    bool joined = false;
    bool gone = false;
    bool in_trouble = false;
    std::optional<absl::Duration> finished;
  };

  void AddLeecher(absl::Duration join);
  bool DialAny(Downloads& client);
  void Dial(Downloads& client, Uploads& server);
  void Vanish(Leecher& leecher);
  void Sample();
  bool CouldHelp(const Leecher& leecher) const;
  void LookAfterTurns();

  const Scenario scenario_;
  const absl::Duration bound_;
  VirtualTime time_;
  Network network_;
  std::mt19937_64 random_;
  std::vector<std::unique_ptr<Uploads>> seeders_;
  std::vector<std::unique_ptr<Leecher>> leechers_;
  std::vector<std::unique_ptr<Link>> links_;
  uint32_t unfinished_ = 0;
  SwarmReport report_;
};

}  // namespace shoal::sim
