#pragma once

#include <cstdint>

#include "absl/time/time.h"

namespace shoal::stream {

// Tells a live connection from a dead one by how its byte counters move, looked at a few times per timeout.
// Pure state: the caller says what time it is.
class IdleMonitor {
 public:
  struct Observed {
    uint64_t received_bytes = 0;  // since the start
    uint64_t sent_bytes = 0;
    bool sending = false;  // something waits to be taken by the peer
    bool paused = false;   // nothing is being read, on purpose
  };
  enum class Verdict {
    kFine,
    kPing,     // say something, so that the peer knows this end lives
    kIdle,     // the peer has said nothing for too long
    kStalled,  // the peer has taken nothing for too long
  };

  // Infinite timeouts never come.
  IdleMonitor(absl::Duration idle_timeout, absl::Duration stall_timeout, absl::Duration now)
      : idle_timeout_(idle_timeout), stall_timeout_(stall_timeout), received_at_(now), sent_at_(now) {}

  // How often to look.
  absl::Duration tick() const;
  Verdict Look(absl::Duration now, const Observed& observed);

 private:
  const absl::Duration idle_timeout_;
  const absl::Duration stall_timeout_;
  Observed last_;
  absl::Duration received_at_;  // the last time that something had come
  absl::Duration sent_at_;      // the last time that something had gone, or that nothing was waiting to go
  absl::Duration spoke_at_ = received_at_;  // the last time that something had gone
};

}  // namespace shoal::stream
