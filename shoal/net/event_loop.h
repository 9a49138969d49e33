#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace boost::asio {
class io_context;
}

namespace shoal::net {

// One thread that runs an Asio io_context. Everything bound to the loop runs on this thread, one task at a
// time, and so needs no lock.
//
// Thread safety: Post, InLoop and context() are thread-safe. Stop may be called from any thread but the
// loop's own.
class EventLoop {
 public:
  // `name` (at most 15 bytes) is the thread's name in top and gdb.
  explicit EventLoop(const std::string& name);
  ~EventLoop();  // Stop()
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  boost::asio::io_context& context();

  // Runs `work` on the loop's thread, after what was posted before. Returns false, and drops it, when the
  // loop has stopped.
  bool Post(std::function<void()> work);
  // Returns whether the caller is on the loop's thread.
  bool InLoop() const;

  // Runs what was posted before, ends the thread, and destroys pending operations. Idempotent.
  void Stop();

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

// Posts work to a loop on behalf of an object that may die before the loop does: work that has not begun when
// Close is called is dropped. The owner must call Close before the objects that the work uses are destroyed:
// the destructor does not.
//
// Thread safety: Post is thread-safe; Close is called on the loop's thread.
class LoopScope {
 public:
  // `loop` must outlive this.
  explicit LoopScope(EventLoop& loop) : loop_(loop) {}
  LoopScope(const LoopScope&) = delete;
  LoopScope& operator=(const LoopScope&) = delete;

  EventLoop& loop() { return loop_; }
  void Post(std::function<void()> work);
  void Close() { *open_ = false; }

 private:
  EventLoop& loop_;
  const std::shared_ptr<bool> open_ = std::make_shared<bool>(true);  // used on the loop's thread only
};

// Calls a function on a loop periodically, from one period after construction until destruction. Ticks that
// the loop was too busy for are not made up.
//
// Thread safety: constructed, used and destroyed on the loop's thread. `loop` must outlive it.
class LoopTimer {
 public:
  LoopTimer(EventLoop& loop, absl::Duration period, std::function<void()> tick);
  ~LoopTimer();
  LoopTimer(const LoopTimer&) = delete;
  LoopTimer& operator=(const LoopTimer&) = delete;

 private:
  struct State;
  static void Arm(const std::shared_ptr<State>& state);

  const std::shared_ptr<State> state_;
};

// A fixed number of loops, assigned in turn. Thread safety: all methods are thread-safe.
class EventLoopGroup {
 public:
  // At least one loop, whatever `count` is. `name` is followed by the number of the loop.
  EventLoopGroup(const std::string& name, unsigned count);
  ~EventLoopGroup();

  // Returns the next loop of the turn, for a new connection or download.
  EventLoop& Next();
  const std::vector<std::unique_ptr<EventLoop>>& loops() const { return loops_; }
  void Stop();

 private:
  class Impl;
  std::vector<std::unique_ptr<EventLoop>> loops_;
  const std::unique_ptr<Impl> impl_;
};

// Returns the number of cores that this process may use, at least 1. It can be lower than the number of cores
// of the machine; more busy threads than this only wait for each other.
uint32_t UsableCores();

}  // namespace shoal::net
