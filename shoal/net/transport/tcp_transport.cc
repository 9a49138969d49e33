#include <netinet/tcp.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "shoal/base/clock.h"
#include "shoal/net/sockaddr.h"
#include "shoal/net/transport/transport.h"

namespace shoal::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

// After so many bytes without a wait a call lets the loop's other connections have their turn.
constexpr size_t kTurnBytes = 1024 * 1024;
// What a serving socket may hold that is not on its way yet: as much as goes out in kUnsentTime at the rate
// of late, so that a fast peer is not slowed down by waking up for every few bytes.
constexpr size_t kMinUnsentBytes = 16 * 1024;
constexpr size_t kMaxUnsentBytes = 4 * 1024 * 1024;
constexpr double kUnsentTime = 0.02;  // seconds
constexpr size_t kFillBytes = 64 * 1024;
// The rate is looked at each time that so many times the bound went out.
constexpr size_t kUnsentLook = 8;

absl::Status Gone(absl::string_view what, int error) {
  return absl::UnavailableError(absl::StrCat(what, ": ", std::strerror(error)));
}

// Whether sendfile failed on the file, not on the socket.
bool IsReadError(int error) {
  return error == EIO || error == ESTALE || error == ENODATA || error == EREMOTEIO || error == EUCLEAN;
}

class TcpTransport final : public Transport {
 public:
  TcpTransport(asio::io_context& context, FileDescriptor socket) : socket_(context), open_(true) {
    SocketAddress peer;
    peer.size = sizeof(peer.storage);
    if (getpeername(socket.get(), peer.get(), &peer.size) == 0) remote_ = FromSocketAddress(peer.storage);
    error_code error;
    // The protocol only matters for calls that open sockets; this one is open.
    socket_.assign(tcp::v6(), socket.Release(), error);
    SetOptions();
    BoundUnsent(kMinUnsentBytes);
  }
  TcpTransport(asio::io_context& context, const Endpoint& peer) : socket_(context), remote_(peer) {}

  asio::awaitable<absl::Status> Open() override {
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

  asio::awaitable<absl::StatusOr<size_t>> ReadSome(std::span<uint8_t> into) override {
    while (!closed_) {
      const ssize_t count = ::recv(socket_.native_handle(), into.data(), into.size(), 0);
      if (count > 0) {
        received_bytes_ += count;
        read_turn_bytes_ += count;
        if (read_turn_bytes_ >= kTurnBytes) {
          read_turn_bytes_ = 0;
          co_await asio::post(socket_.get_executor(), asio::use_awaitable);
        }
        co_return static_cast<size_t>(count);
      }
      if (count == 0) co_return absl::UnavailableError("closed by the peer");
      if (errno == EINTR) continue;
      if (errno != EAGAIN) co_return Gone("connection lost", errno);
      read_turn_bytes_ = 0;
      absl::Status ready = co_await Ready(tcp::socket::wait_read);
      if (!ready.ok()) co_return ready;
    }
    co_return Closed();
  }

  asio::awaitable<absl::Status> Write(std::span<const uint8_t> bytes) override {
    absl::Status status = co_await Send(bytes, 0);
    co_return status;
  }

  asio::awaitable<absl::Status> WriteRegion(std::span<const uint8_t> header,
                                            const FileRegion& region) override {
    // The region may be gone from the caller's frame by the time the peer takes more.
    const FileRegion held = region;
    absl::Status status = co_await Send(header, MSG_MORE);
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
        const absl::Status why = count == 0 ? absl::FailedPreconditionError("the file is shorter than it was")
                                            : absl::FailedPreconditionError(absl::StrCat(
                                                  "the file can't be read: ", std::strerror(errno)));
        absl::Status filled = co_await Fill(left);
        co_return filled.ok() ? why : filled;
      }
      if (errno == EINTR) continue;
      if (errno != EAGAIN) co_return Gone("connection lost", errno);
      absl::Status ready = co_await Ready(tcp::socket::wait_write);
      if (!ready.ok()) co_return ready;
    }
    co_return absl::OkStatus();
  }

  void EndWriting() override {
    error_code ignored;
    (void)socket_.shutdown(tcp::socket::shutdown_send, ignored);
  }

  void Close() override {
    if (std::exchange(closed_, true)) return;
    error_code ignored;
    (void)socket_.close(ignored);
  }

  const Endpoint& remote() const override { return remote_; }
  uint64_t received_bytes() const override { return received_bytes_; }
  uint64_t sent_bytes() const override { return sent_bytes_; }

 private:
  static absl::Status Closed() { return absl::CancelledError("closed here"); }

  void SetOptions() {
    error_code ignored;
    (void)socket_.native_non_blocking(true, ignored);
    (void)socket_.set_option(tcp::no_delay(true), ignored);
    (void)socket_.set_option(asio::socket_base::keep_alive(true), ignored);
  }

  void BoundUnsent(size_t bytes) {
    unsent_bytes_ = bytes;
    const auto value = static_cast<uint32_t>(bytes);
    ::setsockopt(socket_.native_handle(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &value, sizeof value);
  }

  void AdjustUnsent(size_t count) {
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

  asio::awaitable<absl::Status> Ready(tcp::socket::wait_type what) {
    error_code error;
    co_await socket_.async_wait(what, asio::redirect_error(asio::use_awaitable, error));
    if (closed_) co_return Closed();
    if (error) co_return absl::UnavailableError(absl::StrCat("connection lost: ", error.message()));
    co_return absl::OkStatus();
  }

  // Counts what was sent, and lets others have their turn when it is time.
  asio::awaitable<absl::Status> Sent(size_t count) {
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

  // Writes zeros in the place of bytes that could not be read.
  asio::awaitable<absl::Status> Fill(size_t left) {
    const std::vector<uint8_t> zeros(std::min(left, kFillBytes));
    absl::Status status;
    for (; left > 0 && status.ok(); left -= std::min(left, zeros.size())) {
      status = co_await Send(std::span(zeros).first(std::min(left, zeros.size())), 0);
    }
    co_return status;
  }

  asio::awaitable<absl::Status> Send(std::span<const uint8_t> bytes, int flags) {
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
      absl::Status ready = co_await Ready(tcp::socket::wait_write);
      if (!ready.ok()) co_return ready;
    }
    co_return absl::OkStatus();
  }

  tcp::socket socket_;
  Endpoint remote_;
  bool open_ = false;
  bool closed_ = false;
  size_t read_turn_bytes_ = 0;
  size_t write_turn_bytes_ = 0;
  uint64_t received_bytes_ = 0;
  uint64_t sent_bytes_ = 0;
  size_t unsent_bytes_ = 0;  // the bound that is set; zero: none
  size_t looked_bytes_ = 0;  // sent since looked_at_
  absl::Duration looked_at_ = Clock::Real().Uptime();
};

class TcpTransportFactory final : public TransportFactory {
 public:
  std::unique_ptr<Transport> Accept(EventLoop& loop, FileDescriptor socket) const override {
    return std::make_unique<TcpTransport>(loop.context(), std::move(socket));
  }
  std::unique_ptr<Transport> Dial(EventLoop& loop, const Endpoint& peer) const override {
    return std::make_unique<TcpTransport>(loop.context(), peer);
  }
};

}  // namespace

std::shared_ptr<const TransportFactory> TcpTransports() {
  return std::make_shared<const TcpTransportFactory>();
}

}  // namespace shoal::net
