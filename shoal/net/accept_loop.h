#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>

#include "shoal/base/file_descriptor.h"
#include "shoal/net/event_loop.h"
#include "shoal/net/listener.h"

namespace shoal::net {

// Accepts connections on an event loop and hands them to their new owner. It survives running out of
// descriptors: with one descriptor that it keeps for this it sheds new connections, instead of leaving them
// in the backlog and spinning. It can bound how many of the connections that it handed over are open.
//
// Every server of a process accepts through this class; what is done with a connection is the owner's
// business.
class AcceptLoop {
 public:
  // Called on the loop's thread with a connected, non-blocking socket without delay (TCP_NODELAY).
  using Take = std::function<void(FileDescriptor connection)>;
  static constexpr uint32_t kUnbounded = UINT32_MAX;

  // `max_connections` bounds the connections that are open at a time, whichever end closes them; one more is
  // closed at once. kUnbounded: `take` bounds them itself. `loop` must outlive this.
  AcceptLoop(EventLoop& loop, Listener listener, uint32_t max_connections, Take take);
  ~AcceptLoop();  // Stop()
  AcceptLoop(const AcceptLoop&) = delete;
  AcceptLoop& operator=(const AcceptLoop&) = delete;

  uint16_t port() const { return port_; }
  // Closes the listening socket and waits until `take` can't be called again; connections that were handed
  // over live on. Idempotent; not from two threads, and not from the loop's own.
  void Stop();
  // Connections that were closed because there were too many, or no descriptors. Thread-safe.
  uint64_t shed() const;

 private:
  class Acceptor;

  const uint16_t port_;
  EventLoop& loop_;
  std::shared_ptr<Acceptor> acceptor_;
  bool stopped_ = false;
};

}  // namespace shoal::net
