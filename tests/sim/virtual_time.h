#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/time/time.h"

namespace shoal::sim {

// The clock and the event queue of a simulation. Events of the same time happen in the order in which they
// were scheduled, so that a run is deterministic to the last event. Thread safety: one thread.
class VirtualTime {
 public:
  // Since the start of the run.
  absl::Duration now() const { return now_; }

  // Calls `happen` once, at `when`. Requires: `when` is not before now().
  void At(absl::Duration when, std::function<void()> happen);
  void After(absl::Duration wait, std::function<void()> happen) { At(now_ + wait, std::move(happen)); }

  // Runs the next event. Returns false when there is none before `end`.
  bool Step(absl::Duration end);
  uint64_t events() const { return events_; }  // that happened

 private:
  struct Event {
    absl::Duration when;
    uint64_t number;
    std::function<void()> happen;
  };
  static bool IsLater(const Event& a, const Event& b) {
    return a.when != b.when ? a.when > b.when : a.number > b.number;
  }

  absl::Duration now_;
  uint64_t next_number_ = 0;
  uint64_t events_ = 0;
  std::vector<Event> heap_;
};

}  // namespace shoal::sim
