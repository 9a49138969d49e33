#include "shoal/net/transport/tcp_socket.h"

#include <netinet/tcp.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

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
// The rate is looked at when so many times the bound went out, or after so long: it may have fallen since.
constexpr size_t kUnsentLook = 8;
constexpr absl::Duration kRateLook = absl::Seconds(1);

constexpr size_t kFillBytes = 64 * 1024;

// Whether sendfile failed on the file, not on the socket.
bool IsReadError(int error) {
  return error == EIO || error == ESTALE || error == ENODATA || error == EREMOTEIO || error == EUCLEAN;
}

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
  congestion_.emplace(socket_.native_handle(), looked_at_);
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
  if (what == kWritable) {
    // Setting this option pushes, whatever was set before (tcp(7)).
    if (push_before_waits_) (void)socket_.set_option(tcp::no_delay(true), error);
    waits_to_write_ = true;
    LookWhileWaiting();
  }
  co_await socket_.async_wait(what, asio::redirect_error(asio::use_awaitable, error));
  if (what == kWritable) waits_to_write_ = false;
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

asio::awaitable<absl::Status> TcpSocket::SendRegion(std::span<const uint8_t> header,
                                                    const FileRegion& region) {
  // The region may be gone from the caller's frame by the time the peer takes more.
  const FileRegion held = region;
  // Nothing may follow an empty region, and then what was announced as followed by more would wait.
  absl::Status status = co_await Send(header, held.length_bytes == 0 ? 0 : MSG_MORE);
  if (!status.ok()) co_return status;
  off_t offset = static_cast<off_t>(held.offset_bytes);
  size_t left = held.length_bytes;
  while (left > 0) {
    if (closed_) co_return Closed();
    const ssize_t count =
        ::sendfile(socket_.native_handle(), held.file->get(), &offset, std::min(left, kTurnBytes));
    if (count > 0) {
      left -= count;
      absl::Status turn = co_await Sent(count);
      if (!turn.ok()) co_return turn;
      continue;
    }
    if (count == 0 || IsReadError(errno)) {
      const absl::Status why =
          count == 0
              ? absl::FailedPreconditionError("the file is shorter than it was")
              : absl::FailedPreconditionError(absl::StrCat("the file can't be read: ", std::strerror(errno)));
      absl::Status filled = co_await SendZeros(left);
      co_return filled.ok() ? why : filled;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) co_return Gone("connection lost", errno);
    absl::Status ready = co_await Ready(kWritable);
    if (!ready.ok()) co_return ready;
  }
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> TcpSocket::SendZeros(size_t count) {
  const std::vector<uint8_t> zeros(std::min(count, kFillBytes));
  absl::Status status;
  for (; count > 0 && status.ok(); count -= std::min(count, zeros.size())) {
    status = co_await Send(std::span(zeros).first(std::min(count, zeros.size())), 0);
  }
  co_return status;
}

size_t TcpSocket::SendNow(std::span<const uint8_t> bytes) {
  if (closed_) return 0;
  const ssize_t count = ::send(socket_.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (count <= 0) return 0;
  CountSent(count);
  return count;
}

void TcpSocket::CountSent(size_t count) {
  sent_bytes_ += count;
  LookAtSending(count);
}

asio::awaitable<absl::Status> TcpSocket::Sent(size_t count) {
  CountSent(count);
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

void TcpSocket::OnWritable(std::function<void()> then) {
  if (life_ == nullptr) life_ = std::make_shared<char>();
  const auto handler = [life = std::weak_ptr(life_), this, then = std::move(then)](const error_code& error) {
    if (!error && !life.expired() && !closed_) then();
  };
  socket_.async_wait(kWritable, handler);
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

void TcpSocket::LookAtSending(size_t count) {
  if (!congestion_.has_value()) return;  // no serving socket
  const absl::Duration now = Clock::Real().Uptime();
  congestion_->Look(socket_.native_handle(), now);
  looked_bytes_ += count;
  if (looked_bytes_ < kUnsentLook * unsent_bytes_ && now - looked_at_ < kRateLook) return;
  const double seconds = std::max(1e-6, absl::ToDoubleSeconds(now - looked_at_));
  const double fitting = static_cast<double>(looked_bytes_) / seconds * kUnsentTime;
  const auto bytes =
      static_cast<size_t>(std::clamp(fitting, double{kMinUnsentBytes}, double{kMaxUnsentBytes}));
  if (bytes >= 2 * unsent_bytes_ || bytes <= unsent_bytes_ / 2) BoundUnsent(bytes);
  looked_bytes_ = 0;
  looked_at_ = now;
}

// A connection that sends everything again takes nothing new meanwhile.
void TcpSocket::LookWhileWaiting() {
  if (will_look_ || !congestion_.has_value() || !congestion_->watching()) return;
  will_look_ = true;
  if (life_ == nullptr) life_ = std::make_shared<char>();
  if (look_ == nullptr) look_ = std::make_unique<asio::steady_timer>(socket_.get_executor());
  look_->expires_after(absl::ToChronoMilliseconds(CongestionWatch::kWindow));
  look_->async_wait([life = std::weak_ptr(life_), this](const error_code& error) {
    if (error || life.expired() || closed_) return;
    will_look_ = false;
    congestion_->Look(socket_.native_handle(), Clock::Real().Uptime());
    if (waits_to_write_) LookWhileWaiting();
  });
}

}  // namespace shoal::net
