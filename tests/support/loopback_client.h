#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <string>

#include "gtest/gtest.h"
#include "shoal/base/file_descriptor.h"

namespace shoal {

// A blocking TCP connection to a port of this machine, for tests of listeners.
class LoopbackClient {
 public:
  explicit LoopbackClient(uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  }

  void Send(const std::string& text) const { send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL); }

  // Until the other end hangs up.
  std::string ReadAll() const {
    std::string text;
    while (ReadSome(&text)) {
    }
    return text;
  }

  // Until `end` was read, or the other end hangs up.
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
