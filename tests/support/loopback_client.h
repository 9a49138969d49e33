#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>

#include "gtest/gtest.h"
#include "shoal/base/endpoint.h"
#include "shoal/base/file_descriptor.h"
#include "shoal/net/sockaddr.h"

namespace shoal {

// A blocking TCP connection to a port of this machine, for tests of listeners.
class LoopbackClient {
 public:
  // `from`: the address of the client's end, in 127.0.0.0/8.
  explicit LoopbackClient(uint16_t port, const IpAddress& from = IpAddress::V4({127, 0, 0, 1}))
      : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const net::SocketAddress local = net::ToSocketAddress({from, 0});
    EXPECT_EQ(bind(socket_.get(), local.get(), local.size), 0);
    const net::SocketAddress address = net::ToSocketAddress({IpAddress::V4({127, 0, 0, 1}), port});
    EXPECT_EQ(connect(socket_.get(), address.get(), address.size), 0);
  }

  void Send(const std::string& text) const { send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL); }

  // Reads until the other end closes.
  std::string ReadAll() const {
    std::string text;
    while (ReadSome(&text)) {
    }
    return text;
  }

  // Reads until `end` was read, or the other end closes.
  std::string ReadUntil(const std::string& end) const {
    std::string text;
    while (text.find(end) == std::string::npos && ReadSome(&text)) {
    }
    return text;
  }

  void Close() { socket_.Close(); }

 private:
  bool ReadSome(std::string* text) const {
    char buffer[4096];
    const ssize_t size = recv(socket_.get(), buffer, sizeof(buffer), 0);
    if (size > 0) text->append(buffer, static_cast<size_t>(size));
    return size > 0;
  }

  FileDescriptor socket_;
};

}  // namespace shoal
