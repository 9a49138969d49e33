#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>

#include "shoal/base/file_descriptor.h"
#include "shoal/net/event_loop.h"
#include "shoal/net/listener.h"

namespace shoal::net {

// Accepts connections on an event loop and passes them to their new owner. All TCP servers of a process
// accept through this class. It is not responsible for what happens on a connection.
//
// When the process runs out of descriptors it closes new connections, by means of one descriptor that it
// keeps in reserve, instead of leaving them in the backlog and spinning. It can bound how many of the
// connections that it passed on are open.
//
// Thread safety: shed() is thread-safe; the other methods are called on one thread, which is not the loop's.
class AcceptLoop {
 public:
  // Called on the loop's thread with a connected, non-blocking socket without delay (TCP_NODELAY).
  using Take = std::function<void(FileDescriptor connection)>;
  static constexpr uint32_t kUnbounded = UINT32_MAX;

  // `max_connections` bounds the connections that are open at a time, whichever end closes them; further ones
  // are closed at once. kUnbounded: `take` bounds them itself. `loop` must outlive this.
  AcceptLoop(EventLoop& loop, Listener listener, uint32_t max_connections, Take take);
  ~AcceptLoop();  // Stop()
  AcceptLoop(const AcceptLoop&) = delete;
  AcceptLoop& operator=(const AcceptLoop&) = delete;

  uint16_t port() const { return port_; }
  // Closes the listening socket and waits until `take` can't be called again. Connections that were passed on
  // stay open. Idempotent.
  void Stop();
  // Returns the number of connections that were closed because there were too many, or no descriptors.
  uint64_t shed() const;

 private:
  class Acceptor;

  const uint16_t port_;
  EventLoop& loop_;
  std::shared_ptr<Acceptor> acceptor_;
  bool stopped_ = false;
};

}  // namespace shoal::net
