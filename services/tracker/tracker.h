#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/tracker/tracker_limits.h"
#include "shoal/base/clock.h"
#include "shoal/base/endpoint.h"

namespace shoal::tracker {

// A running tracker: one registry and the doors to it. Ready when Start returns. Thread-safe.
class Tracker {
 public:
  struct Options {
    Endpoint grpc;                 // port 0 everywhere: the system chooses
    std::optional<Endpoint> udp;   // none: no UDP door
    std::optional<Endpoint> http;  // none: no health pages, no metrics
    absl::Duration lease = absl::Seconds(30);
    // Between two announces of a BitTorrent peer, which is gone after two and a half of it.
    absl::Duration bittorrent_interval = absl::Minutes(5);
    TrackerLimits limits;
    // Where the registry is kept from one life to the next; empty: nowhere. A file that can't be used is told
    // in the log, set aside (".unusable" is added to its name), and the tracker starts empty.
    std::string state_file;
    std::string version;       // for people
    uint32_t udp_sockets = 0;  // 0: one for each core that is usable, but at most 4
    const Clock* clock = &Clock::Real();
  };

  // UNAVAILABLE with the address when one can't be bound; then nothing runs.
  static absl::StatusOr<std::unique_ptr<Tracker>> Start(const Options& options);
  virtual ~Tracker() = default;  // Stop with no grace

  virtual uint16_t grpc_port() const = 0;
  virtual uint16_t udp_port() const = 0;   // 0: no such door
  virtual uint16_t http_port() const = 0;  // 0: no such door

  // From now on. The log level of the limits is not the tracker's business.
  virtual void SetLimits(const TrackerLimits& limits) = 0;

  // Health goes NOT_SERVING, watchers are sent home, calls in flight may finish for `grace`. Then the
  // state file is written, if there is to be one. Idempotent; blocks until done.
  virtual void Stop(absl::Duration grace) = 0;
};

}  // namespace shoal::tracker
