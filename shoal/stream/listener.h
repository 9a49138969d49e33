#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include "absl/status/status.h"
#include "shoal/base/endpoint.h"
#include "shoal/base/file_descriptor.h"
#include "shoal/net/event_loop.h"

namespace shoal::stream {

// A listening socket, and the coroutine that takes its connections and deals them out to the loops. It
// survives running out of descriptors: the connection is closed, and accepting goes on.
//
// Lives on the first of the loops; held by a shared_ptr, which its coroutine shares.
class Listener : public std::enable_shared_from_this<Listener> {
 public:
  using Take = std::function<void(net::EventLoop& loop, boost::asio::ip::tcp::socket socket)>;

  // `take` gets each connection, which belongs to `loop` from then on; called on the listener's loop. `loops`
  // must outlive this.
  Listener(net::EventLoopGroup& loops, Take take);

  // UNAVAILABLE with the address when it can't be bound. Port 0: the system chooses; unspecified address: all
  // of them, IPv4 and IPv6.
  absl::Status Listen(const Endpoint& at);
  // Once, after Listen. `presence` is held until the last connection was taken.
  void Start(std::shared_ptr<void> presence);
  // Any thread; what it took is not touched.
  void Stop();
  uint16_t port() const { return port_; }

 private:
  absl::Status ListenAt(const boost::asio::ip::tcp::endpoint& at, bool both_families);
  boost::asio::awaitable<void> Accept(std::shared_ptr<Listener> self, std::shared_ptr<void> presence);
  void TurnOneAway();

  net::EventLoopGroup& loops_;
  net::EventLoop& loop_;
  const Take take_;
  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::steady_timer pause_;
  // Given up for a moment when there are no descriptors left, so that a connection can at least be taken and
  // closed.
  FileDescriptor spare_;
  uint16_t port_ = 0;
};

}  // namespace shoal::stream
