#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "shoal/base/clock.h"
#include "shoal/base/endpoint.h"
#include "shoal/base/file_descriptor.h"
#include "shoal/net/transport/congestion_watch.h"

namespace shoal::net {

// The TCP connection below a transport. It connects, waits, and yields to the other connections of the loop.
// For an accepted connection it also bounds the unsent bytes (see TcpTransports) and runs the
// CongestionWatch.
//
// Errors and thread safety: those of Transport.
class TcpSocket {
 public:
  using Wait = boost::asio::ip::tcp::socket::wait_type;
  static constexpr Wait kReadable = boost::asio::ip::tcp::socket::wait_read;
  static constexpr Wait kWritable = boost::asio::ip::tcp::socket::wait_write;
  // After so many bytes without a wait a call lets the loop's other connections have their turn.
  static constexpr size_t kTurnBytes = 1024 * 1024;

  // An accepted connection, which is non-blocking.
  TcpSocket(boost::asio::io_context& context, FileDescriptor socket);
  // A connection that Connect() makes.
  TcpSocket(boost::asio::io_context& context, const Endpoint& peer) : socket_(context), remote_(peer) {}
  TcpSocket(const TcpSocket&) = delete;
  TcpSocket& operator=(const TcpSocket&) = delete;

  // Does nothing for an accepted connection.
  boost::asio::awaitable<absl::Status> Connect();
  boost::asio::awaitable<absl::Status> Ready(Wait what);
  // Sends all of `bytes`; `flags` are those of send(2).
  boost::asio::awaitable<absl::Status> Send(std::span<const uint8_t> bytes, int flags);
  // Sends `header`, then the bytes of the region by sendfile, as Transport::WriteRegion describes.
  boost::asio::awaitable<absl::Status> SendRegion(std::span<const uint8_t> header, const FileRegion& region);
  // Sends what the system takes at once, and returns how many bytes that were.
  size_t SendNow(std::span<const uint8_t> bytes);
  // Adds bytes to sent_bytes() that another object sent on the descriptor.
  void CountSent(size_t count);
  // Adds bytes to received_bytes() that another object read from the descriptor. Yields to the loop's other
  // connections after kTurnBytes.
  boost::asio::awaitable<void> Received(size_t count);
  // From now on each wait for kWritable first flushes the bytes that TCP holds back to fill a segment. Call
  // this when kernel TLS is enabled: its records are not flushed automatically, they count as unsent, and
  // they could fill the bound on unsent bytes for ever.
  void PushBeforeWaits() { push_before_waits_ = true; }
  // Calls `then` once, when the system takes more bytes, unless the socket is closed or gone by then.
  void OnWritable(std::function<void()> then);
  void EndWriting();
  // Ends all pending calls with CANCELLED. Idempotent.
  void Close();

  int descriptor() { return socket_.native_handle(); }
  bool closed() const { return closed_; }
  const Endpoint& remote() const { return remote_; }
  uint64_t received_bytes() const { return received_bytes_; }
  uint64_t sent_bytes() const { return sent_bytes_; }

  static absl::Status Closed() { return absl::CancelledError("closed here"); }
  static absl::Status Gone(absl::string_view what, int error);

 private:
  boost::asio::awaitable<absl::Status> SendZeros(size_t count);
  // Counts, and lets others have their turn when it is time.
  boost::asio::awaitable<absl::Status> Sent(size_t count);
  void SetOptions();
  void BoundUnsent(size_t bytes);
  // Looks at how the connection sends, now and then: while it sends, and while it can't.
  void LookAtSending(size_t count);
  void LookWhileWaiting();

  boost::asio::ip::tcp::socket socket_;
  Endpoint remote_;
  bool open_ = false;
  bool closed_ = false;
  bool push_before_waits_ = false;
  size_t read_turn_bytes_ = 0;
  size_t write_turn_bytes_ = 0;
  uint64_t received_bytes_ = 0;
  uint64_t sent_bytes_ = 0;
  std::optional<CongestionWatch> congestion_;        // of an accepted connection
  std::unique_ptr<boost::asio::steady_timer> look_;  // made when it is needed
  bool waits_to_write_ = false;
  bool will_look_ = false;
  size_t unsent_bytes_ = 0;  // the bound that is set; zero: none
  size_t looked_bytes_ = 0;  // sent since looked_at_
  absl::Duration looked_at_ = Clock::Real().Uptime();
  std::shared_ptr<const void> life_;  // ends with the socket; made when it is needed
};

}  // namespace shoal::net
