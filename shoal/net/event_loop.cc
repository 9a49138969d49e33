#include "shoal/net/event_loop.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <thread>
#include <utility>

#include "shoal/base/mutex.h"

namespace shoal::net {

class EventLoop::Impl {
 public:
  // An io_context that can be emptied of what waits in it while it lives on: sockets and timers that outlive
  // the loop's thread may then still be destroyed.
  class LoopContext : public boost::asio::io_context {
   public:
    LoopContext() : boost::asio::io_context(1) {}
    ~LoopContext() { DestroyWaiting(); }
    void DestroyWaiting() { shutdown(); }
  };

  explicit Impl(const std::string& name)
      : work_(boost::asio::make_work_guard(context_)), thread_([this, name] { Run(name); }) {}

  bool InLoop() { return context_.get_executor().running_in_this_thread(); }

  bool Post(std::function<void()> work) {
    // The loop's own thread takes no lock, so that it does not wait for a poster that holds the lock while
    // the loop awakes. Until this thread has ended nothing is destroyed, so it needs none.
    if (InLoop()) {
      boost::asio::post(context_, std::move(work));
      return true;
    }
    MutexLock lock(&mutex_);
    if (stopped_) return false;
    boost::asio::post(context_, std::move(work));
    return true;
  }

  void Stop() {
    {
      MutexLock lock(&mutex_);
      if (stopped_) return;
      stopped_ = true;
      boost::asio::post(context_, [this] { context_.stop(); });
    }
    thread_.join();
    context_.DestroyWaiting();
  }

  LoopContext context_;

 private:
  void Run(const std::string& name) {
    pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
    // sendfile to a closed socket raises SIGPIPE and knows no flag against it.
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    context_.run();
  }

  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  Mutex mutex_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

EventLoop::EventLoop(const std::string& name) : impl_(std::make_unique<Impl>(name)) {}
EventLoop::~EventLoop() {
  Stop();
}
boost::asio::io_context& EventLoop::context() {
  return impl_->context_;
}
bool EventLoop::Post(std::function<void()> work) {
  return impl_->Post(std::move(work));
}
bool EventLoop::InLoop() const {
  return impl_->InLoop();
}
void EventLoop::Stop() {
  impl_->Stop();
}

void LoopScope::Post(std::function<void()> work) {
  loop_.Post([open = open_, work = std::move(work)] {
    if (*open) work();
  });
}

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

class EventLoopGroup::Impl {
 public:
  std::atomic<size_t> next{0};
};

EventLoopGroup::EventLoopGroup(const std::string& name, unsigned count) : impl_(std::make_unique<Impl>()) {
  for (unsigned i = 0; i < std::max(count, 1u); ++i) {
    loops_.push_back(std::make_unique<EventLoop>(name + std::to_string(i)));
  }
}

EventLoopGroup::~EventLoopGroup() {
  Stop();
}

EventLoop& EventLoopGroup::Next() {
  return *loops_[impl_->next.fetch_add(1, std::memory_order_relaxed) % loops_.size()];
}

void EventLoopGroup::Stop() {
  for (const auto& loop : loops_) loop->Stop();
}

uint32_t UsableCores() {
  cpu_set_t cores;
  if (::sched_getaffinity(0, sizeof(cores), &cores) != 0) return 1;
  return static_cast<uint32_t>(std::max(CPU_COUNT(&cores), 1));
}

}  // namespace shoal::net
