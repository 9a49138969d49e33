#pragma once

#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <utility>

#include "shoal/base/endpoint.h"
#include "shoal/base/file_descriptor.h"
#include "shoal/net/sockaddr.h"

namespace shoal {

// One end of a TCP connection that a test controls. Blocks; a read that gets no byte for a minute fails, so
// that a broken test ends.
class RawConnection {
 public:
  explicit RawConnection(FileDescriptor socket) : socket_(std::move(socket)) {
    const timeval limit{60, 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  }

  // `from`: the address of this end, in 127.0.0.0/8.
  static RawConnection To(uint16_t port, const IpAddress& from = IpAddress::V4({127, 0, 0, 1})) {
    FileDescriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const net::SocketAddress local = net::ToSocketAddress({from, 0});
    const net::SocketAddress address = Loopback(port);
    if (::bind(socket.get(), local.get(), local.size) != 0 ||
        ::connect(socket.get(), address.get(), address.size) != 0)
      socket.Close();
    return RawConnection(std::move(socket));
  }

  static net::SocketAddress Loopback(uint16_t port) {
    return net::ToSocketAddress({IpAddress::V4({127, 0, 0, 1}), port});
  }

  bool Send(const std::string& bytes) {
    return ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(bytes.size());
  }
  // Returns exactly `size` bytes, or fewer at the end of the stream.
  std::string Read(size_t size) {
    std::string bytes(size, '\0');
    const ssize_t count = size == 0 ? 0 : ::recv(socket_.get(), bytes.data(), size, MSG_WAITALL);
    bytes.resize(count < 0 ? 0 : static_cast<size_t>(count));
    return bytes;
  }
  // Reads until the other end closes. Returns whether it did.
  bool ReadToEnd() {
    char bytes[4096];
    for (;;) {
      const ssize_t count = ::recv(socket_.get(), bytes, sizeof bytes, 0);
      if (count == 0) return true;
      if (count < 0) return errno == ECONNRESET;
    }
  }
  void Close() { socket_.Close(); }

 private:
  FileDescriptor socket_;
};

// A listener that hands out its connections as RawConnections.
class RawListener {
 public:
  RawListener() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const net::SocketAddress address = RawConnection::Loopback(0);
    if (::bind(socket_.get(), address.get(), address.size) != 0) return;
    if (::listen(socket_.get(), 8) != 0) return;
    port_ = net::LocalPort(socket_.get());
  }
  uint16_t port() const { return port_; }
  FileDescriptor AcceptSocket() {
    return FileDescriptor(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  }
  RawConnection Accept() { return RawConnection(AcceptSocket()); }

 private:
  FileDescriptor socket_;
  uint16_t port_ = 0;
};

}  // namespace shoal
