#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "shoal/net/transport/tcp_socket.h"
#include "shoal/net/transport/transport.h"

namespace shoal::net {
namespace {

namespace asio = boost::asio;

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
    return socket_.SendRegion(header, region);
  }

  void EndWriting() override { socket_.EndWriting(); }
  void Close() override { socket_.Close(); }
  const Endpoint& remote() const override { return socket_.remote(); }
  uint64_t received_bytes() const override { return socket_.received_bytes(); }
  uint64_t sent_bytes() const override { return socket_.sent_bytes(); }

 private:
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
