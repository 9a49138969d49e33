#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <vector>

#include "absl/time/time.h"
#include "clients/leecher/download/policy/read_ahead.h"
#include "clients/leecher/download/policy/request_planner.h"
#include "shoal/content/manifest/manifest.h"
#include "tests/sim/virtual_time.h"

namespace shoal::sim {

// Reads a content while a leecher fetches it, as a person does who watches a film and looks for a scene: it
// seeks to a random place, to one that is not held if there is one, plays from there for some seconds at a
// steady rate, and seeks again. The role of a DownloadReader, with the real ReadAheads. One thread.
class Player {
 public:
  struct Options {
    double bits_per_second = 40e6;
    absl::Duration play = absl::Seconds(5);  // after each seek
    uint64_t random_seed = 0;
  };
  struct Seek {
    absl::Duration wait;   // until the first chunk is held
    absl::Duration stall;  // the longest one afterwards
  };

  // Requires: `time` and `planner` outlive this. `plan` is called when something is needed at once.
  Player(VirtualTime& time, leecher::RequestPlanner& planner, uint32_t chunk_bytes, const Options& options,
         std::function<void()> plan);

  void Begin();
  // Requires: called periodically.
  void Tick();
  void Stored(ChunkIndex chunk);
  // Those that have ended.
  const std::vector<Seek>& seeks() const { return seeks_; }

 private:
  void SeekAnywhere();
  void Need(ChunkIndex chunk);
  void Read();

  VirtualTime& time_;
  leecher::RequestPlanner& planner_;
  const Options options_;
  const std::function<void()> plan_;
  const std::shared_ptr<const Manifest> manifest_;
  ChunkSet held_;
  leecher::ReadAheads ahead_;
  std::mt19937_64 random_;
  uint64_t reader_ = 0;
  ChunkIndex at_;
  bool waits_ = false;
  absl::Duration due_;  // when the chunk was to be read
  absl::Duration sought_;
  absl::Duration ends_;
  Seek seek_;
  bool started_ = false;
  std::vector<Seek> seeks_;
};

}  // namespace shoal::sim
