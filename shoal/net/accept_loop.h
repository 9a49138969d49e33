#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <thread>

#include "shoal/base/file_descriptor.h"
#include "shoal/net/listener.h"
#include "shoal/net/open_sockets.h"

namespace shoal::net {

// Accepts connections on a thread of its own and hands them to somebody else, who owns them from then on. It
// lives through running out of descriptors (it sheds new connections with one descriptor that it keeps for
// this, instead of leaving them in the backlog and spinning), and it bounds how many connections are open at
// once: one too many is closed at once.
class AcceptLoop {
 public:
  // `take` is called on the loop's thread with a connected, non-blocking socket.
  using Take = std::function<void(FileDescriptor connection)>;

  AcceptLoop(Listener listener, uint32_t max_connections, Take take);
  ~AcceptLoop();  // Stop()

  uint16_t port() const { return port_; }
  // Closes the listener; connections that were handed over live on. Idempotent; not to be called from two
  // threads.
  void Stop();
  // Connections that were closed because there were too many, or no descriptors. Thread-safe.
  uint64_t shed() const { return shed_.load(std::memory_order_relaxed); }

 private:
  void Run();
  void AcceptAll();
  // Accepts those that wait and closes them: there is no room.
  void RefuseWaiting();
  // Accepts a connection and closes it; false when there was none.
  bool ShedOne();
  void Rest();

  const uint16_t port_;
  const Take take_;
  FileDescriptor listener_;
  FileDescriptor wake_;   // an eventfd: Stop was called
  FileDescriptor spare_;  // given up for a moment to shed a connection when there are no descriptors left
  OpenSockets open_;      // the loop's thread only
  std::atomic<uint64_t> shed_ = 0;
  std::thread thread_;
};

}  // namespace shoal::net
