#include "shoal/net/transport/tcp_socket.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "shoal/net/sockaddr.h"

namespace shoal::net {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

// What a serving socket may hold that is not on its way yet: as much as goes out in kUnsentTime at the rate
// of late, so that a fast peer is not slowed down by waking up for every few bytes.
constexpr size_t kMinUnsentBytes = 16 * 1024;
constexpr size_t kMaxUnsentBytes = 4 * 1024 * 1024;
constexpr double kUnsentTime = 0.02;  // seconds
// The rate is looked at each time that so many times the bound went out.
constexpr size_t kUnsentLook = 8;

}  // namespace

TcpSocket::TcpSocket(asio::io_context& context, FileDescriptor socket) : socket_(context), open_(true) {
  SocketAddress peer;
  peer.size = sizeof(peer.storage);
  if (getpeername(socket.get(), peer.get(), &peer.size) == 0) remote_ = FromSocketAddress(peer.storage);
  error_code error;
  // The protocol only matters for calls that open sockets; this one is open.
  socket_.assign(tcp::v6(), socket.Release(), error);
  SetOptions();
  BoundUnsent(kMinUnsentBytes);
}

asio::awaitable<absl::Status> TcpSocket::Connect() {
  if (closed_) co_return Closed();
  if (open_) co_return absl::OkStatus();
  const SocketAddress address = ToSocketAddress(remote_);
  tcp::endpoint peer;
  peer.resize(address.size);
  std::memcpy(peer.data(), &address.storage, address.size);
  error_code error;
  (void)socket_.open(peer.protocol(), error);
  if (error) co_return absl::UnavailableError(absl::StrCat("no socket: ", error.message()));
  co_await socket_.async_connect(peer, asio::redirect_error(asio::use_awaitable, error));
  if (closed_) co_return Closed();
  if (error) {
    co_return absl::UnavailableError(absl::StrCat("can't connect: ", error.message()));
  }
  open_ = true;
  SetOptions();
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> TcpSocket::Ready(Wait what) {
  error_code error;
  co_await socket_.async_wait(what, asio::redirect_error(asio::use_awaitable, error));
  if (closed_) co_return Closed();
  if (error) co_return absl::UnavailableError(absl::StrCat("connection lost: ", error.message()));
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> TcpSocket::Send(std::span<const uint8_t> bytes, int flags) {
  while (!bytes.empty()) {
    if (closed_) co_return Closed();
    const ssize_t count = ::send(socket_.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL | flags);
    if (count >= 0) {
      bytes = bytes.subspan(count);
      absl::Status turn = co_await Sent(count);
      if (!turn.ok()) co_return turn;
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) co_return Gone("connection lost", errno);
    absl::Status ready = co_await Ready(kWritable);
    if (!ready.ok()) co_return ready;
  }
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> TcpSocket::Sent(size_t count) {
  sent_bytes_ += count;
  AdjustUnsent(count);
  write_turn_bytes_ += count;
  if (write_turn_bytes_ >= kTurnBytes) {
    write_turn_bytes_ = 0;
    co_await asio::post(socket_.get_executor(), asio::use_awaitable);
    if (closed_) co_return Closed();
  }
  co_return absl::OkStatus();
}

asio::awaitable<void> TcpSocket::Received(size_t count) {
  received_bytes_ += count;
  read_turn_bytes_ += count;
  if (read_turn_bytes_ >= kTurnBytes) {
    read_turn_bytes_ = 0;
    co_await asio::post(socket_.get_executor(), asio::use_awaitable);
  }
}

void TcpSocket::EndWriting() {
  error_code ignored;
  (void)socket_.shutdown(tcp::socket::shutdown_send, ignored);
}

void TcpSocket::Close() {
  if (std::exchange(closed_, true)) return;
  error_code ignored;
  (void)socket_.close(ignored);
}

absl::Status TcpSocket::Gone(absl::string_view what, int error) {
  return absl::UnavailableError(absl::StrCat(what, ": ", std::strerror(error)));
}

void TcpSocket::SetOptions() {
  error_code ignored;
  (void)socket_.native_non_blocking(true, ignored);
  (void)socket_.set_option(tcp::no_delay(true), ignored);
  (void)socket_.set_option(asio::socket_base::keep_alive(true), ignored);
}

void TcpSocket::BoundUnsent(size_t bytes) {
  unsent_bytes_ = bytes;
  const auto value = static_cast<uint32_t>(bytes);
  ::setsockopt(socket_.native_handle(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &value, sizeof value);
}

void TcpSocket::AdjustUnsent(size_t count) {
  if (unsent_bytes_ == 0) return;  // no serving socket
  looked_bytes_ += count;
  if (looked_bytes_ < kUnsentLook * unsent_bytes_) return;
  const absl::Duration now = Clock::Real().Uptime();
  const double seconds = std::max(1e-6, absl::ToDoubleSeconds(now - looked_at_));
  const double fitting = static_cast<double>(looked_bytes_) / seconds * kUnsentTime;
  const auto bytes =
      static_cast<size_t>(std::clamp(fitting, double{kMinUnsentBytes}, double{kMaxUnsentBytes}));
  if (bytes >= 2 * unsent_bytes_ || bytes <= unsent_bytes_ / 2) BoundUnsent(bytes);
  looked_bytes_ = 0;
  looked_at_ = now;
}

}  // namespace shoal::net
