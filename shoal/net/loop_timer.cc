#include "shoal/net/loop_timer.h"

#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

namespace shoal::net {

struct LoopTimer::State {
  State(EventLoop& loop, absl::Duration every, std::function<void()> what)
      : timer(loop.context()), period(absl::ToChronoNanoseconds(every)), tick(std::move(what)) {}

  boost::asio::steady_timer timer;
  const std::chrono::nanoseconds period;
  const std::function<void()> tick;
  bool ended = false;
};

LoopTimer::LoopTimer(EventLoop& loop, absl::Duration period, std::function<void()> tick)
    : state_(std::make_shared<State>(loop, period, std::move(tick))) {
  Arm(state_);
}

LoopTimer::~LoopTimer() {
  state_->ended = true;
  state_->timer.cancel();
}

void LoopTimer::Arm(const std::shared_ptr<State>& state) {
  state->timer.expires_after(state->period);
  state->timer.async_wait([state](const boost::system::error_code& error) {
    if (error || state->ended) return;
    state->tick();
    if (!state->ended) Arm(state);
  });
}

}  // namespace shoal::net
