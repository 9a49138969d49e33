#include <sys/sendfile.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "shoal/net/transport/tcp_socket.h"
#include "shoal/net/transport/transport.h"

namespace shoal::net {
namespace {

namespace asio = boost::asio;

constexpr size_t kFillBytes = 64 * 1024;

// Whether sendfile failed on the file, not on the socket.
bool IsReadError(int error) {
  return error == EIO || error == ESTALE || error == ENODATA || error == EREMOTEIO || error == EUCLEAN;
}

class TcpTransport final : public Transport {
 public:
  TcpTransport(asio::io_context& context, FileDescriptor socket) : socket_(context, std::move(socket)) {}
  TcpTransport(asio::io_context& context, const Endpoint& peer) : socket_(context, peer) {}

  asio::awaitable<absl::Status> Open() override { return socket_.Connect(); }

  asio::awaitable<absl::StatusOr<size_t>> ReadSome(std::span<uint8_t> into) override {
    while (!socket_.closed()) {
      const ssize_t count = ::recv(socket_.descriptor(), into.data(), into.size(), 0);
      if (count > 0) {
        co_await socket_.Received(count);
        co_return static_cast<size_t>(count);
      }
      if (count == 0) co_return absl::UnavailableError("closed by the peer");
      if (errno == EINTR) continue;
      if (errno != EAGAIN) co_return TcpSocket::Gone("connection lost", errno);
      absl::Status ready = co_await socket_.Ready(TcpSocket::kReadable);
      if (!ready.ok()) co_return ready;
    }
    co_return TcpSocket::Closed();
  }

  asio::awaitable<absl::Status> Write(std::span<const uint8_t> bytes) override {
    return socket_.Send(bytes, 0);
  }

  asio::awaitable<absl::Status> WriteRegion(std::span<const uint8_t> header,
                                            const FileRegion& region) override {
    // The region may be gone from the caller's frame by the time the peer takes more.
    const FileRegion held = region;
    absl::Status status = co_await socket_.Send(header, MSG_MORE);
    if (!status.ok()) co_return status;
    off_t offset = static_cast<off_t>(held.offset_bytes);
    size_t left = held.length_bytes;
    while (left > 0) {
      if (socket_.closed()) co_return TcpSocket::Closed();
      const ssize_t count =
          ::sendfile(socket_.descriptor(), held.file->get(), &offset, std::min(left, TcpSocket::kTurnBytes));
      if (count > 0) {
        left -= count;
        absl::Status turn = co_await socket_.Sent(count);
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
      if (errno != EAGAIN) co_return TcpSocket::Gone("connection lost", errno);
      absl::Status ready = co_await socket_.Ready(TcpSocket::kWritable);
      if (!ready.ok()) co_return ready;
    }
    co_return absl::OkStatus();
  }

  void EndWriting() override { socket_.EndWriting(); }
  void Close() override { socket_.Close(); }
  const Endpoint& remote() const override { return socket_.remote(); }
  uint64_t received_bytes() const override { return socket_.received_bytes(); }
  uint64_t sent_bytes() const override { return socket_.sent_bytes(); }

 private:
  // Writes zeros in the place of bytes that could not be read.
  asio::awaitable<absl::Status> Fill(size_t left) {
    const std::vector<uint8_t> zeros(std::min(left, kFillBytes));
    absl::Status status;
    for (; left > 0 && status.ok(); left -= std::min(left, zeros.size())) {
      status = co_await socket_.Send(std::span(zeros).first(std::min(left, zeros.size())), 0);
    }
    co_return status;
  }

  TcpSocket socket_;
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
