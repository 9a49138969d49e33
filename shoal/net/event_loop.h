#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace boost::asio {
class io_context;
}

namespace shoal::net {

// One thread that runs an Asio io_context. Everything bound to the loop runs on this thread, one task at a
// time, and so needs no lock. Thread safety: Post and context() are thread-safe; Stop is called from any
// thread but the loop's own.
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
  bool InLoop() const;

  // Runs what was posted before, ends the thread, and destroys pending operations. Idempotent.
  void Stop();

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

// Posts work to a loop on behalf of an object that may die before the loop does: work that has not begun when
// the scope closes is dropped.
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

// A fixed number of loops, assigned in turn. Thread-safe.
class EventLoopGroup {
 public:
  EventLoopGroup(const std::string& name, unsigned count);
  ~EventLoopGroup();

  EventLoop& Next();
  const std::vector<std::unique_ptr<EventLoop>>& loops() const { return loops_; }
  void Stop();

 private:
  class Impl;
  std::vector<std::unique_ptr<EventLoop>> loops_;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace shoal::net
