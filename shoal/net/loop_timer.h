#pragma once

#include <functional>
#include <memory>

#include "absl/time/time.h"
#include "shoal/net/event_loop.h"

namespace shoal::net {

// Calls `tick` on the loop every `period`, until it dies. Made, used and destroyed on the loop's thread.
class LoopTimer {
 public:
  LoopTimer(EventLoop& loop, absl::Duration period, std::function<void()> tick);
  ~LoopTimer();

 private:
  struct State;
  static void Arm(const std::shared_ptr<State>& state);

  const std::shared_ptr<State> state_;
};

}  // namespace shoal::net
