#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include "shoal/base/file_descriptor.h"
#include "shoal/net/event_loop.h"
#include "shoal/net/listener.h"

namespace shoal::net {

// Accepts connections on an event loop and passes them to their new owner. All TCP servers of a process
// accept through this class. It is not responsible for what happens on a connection afterwards.
//
// When the process runs out of descriptors it closes new connections, by means of one descriptor that it
// keeps in reserve, instead of leaving them in the backlog and spinning.
//
// It can bound how many connections are open, and how many of these were passed on. One remote address (a /64
// of IPv6) can't keep others out: when no place is left, and one address has more than a 16th of all places,
// then those of its connections that moved the fewest bytes per second since they were accepted are shut
// down, a few at a time. Their owner sees the end of the stream. A connection younger than Bounds::safe_for
// is not shut down; but when all that were passed on of that address are younger, and a connection of another
// address needs a place among these, the oldest one is. Without one to shut down new connections are closed.
//
// Thread safety: shed() is thread-safe; the other methods are called on one thread, which is not the loop's.
class AcceptLoop {
 public:
  // Called on the loop's thread with a connected, non-blocking socket without delay (TCP_NODELAY).
  using Take = std::function<void(FileDescriptor connection)>;
  static constexpr uint32_t kUnbounded = UINT32_MAX;

  struct Bounds {
    // The maximum number of connections that are open at a time, including those that wait for their first
    // bytes. A connection counts until this process has closed its descriptor. kUnbounded: no limit here;
    // `take` must limit them.
    uint32_t max_connections = kUnbounded;
    // The maximum number of those that were passed on. There are a few more for a moment, when some were shut
    // down and their owner has not closed them yet.
    uint32_t max_passed_on = kUnbounded;
    // Receives the connections for which no place is left of these. Null: they are closed.
    std::function<void(FileDescriptor connection)> turn_away = nullptr;
    std::chrono::milliseconds safe_for = std::chrono::seconds(2);
    // While at least an eighth of max_connections is open, a new connection is passed on only after its peer
    // has sent this many bytes, which stay in the socket. It is closed if they do not arrive within
    // first_bytes_within. Idle or very slow connections then cost the owner nothing. While fewer connections
    // are open, each is passed on at once, because some clients send nothing at first. 0: connections are
    // always passed on at once.
    uint32_t first_bytes = 0;
    std::chrono::milliseconds first_bytes_within = std::chrono::seconds(10);
  };
  // `loop` must outlive this.
  AcceptLoop(EventLoop& loop, Listener listener, const Bounds& bounds, Take take);
  ~AcceptLoop();  // Stop()
  AcceptLoop(const AcceptLoop&) = delete;
  AcceptLoop& operator=(const AcceptLoop&) = delete;

  uint16_t port() const { return port_; }
  // Closes the listening socket and waits until `take` can't be called again. Connections that were passed on
  // stay open. Idempotent.
  void Stop();
  // Returns the number of connections that were closed or shut down because there were too many, or no
  // descriptors.
  uint64_t shed() const;

 private:
  class Acceptor;

  const uint16_t port_;
  EventLoop& loop_;
  std::shared_ptr<Acceptor> acceptor_;
  bool stopped_ = false;
};

}  // namespace shoal::net
