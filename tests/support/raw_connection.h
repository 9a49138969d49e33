#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "shoal/base/file_descriptor.h"
#include "shoal/content/manifest/checksum.h"
#include "shoal/stream/wire/frame.h"

namespace shoal {

// One end of a chunk stream in the hand of a test, which may send whatever bytes it likes. Blocks; a read
// that nothing answers for a minute gives up, so that a broken test ends.
class RawConnection {
 public:
  struct Frame {
    stream::FrameHeader header;
    std::string body;
  };

  explicit RawConnection(FileDescriptor socket) : socket_(std::move(socket)) {
    const timeval limit{60, 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  }

  static RawConnection To(uint16_t port) {
    FileDescriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_in address = Loopback(port);
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      socket.Close();
    return RawConnection(std::move(socket));
  }

  static sockaddr_in Loopback(uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
  }

  bool Send(const std::string& bytes) {
    return ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(bytes.size());
  }
  bool SendFrame(stream::FrameType type, const std::string& body, uint32_t index = 0) {
    return Send(FrameBytes(type, body, index));
  }
  static std::string FrameBytes(stream::FrameType type, const std::string& body, uint32_t index = 0) {
    stream::FrameHeader header;
    header.type = type;
    header.length_bytes = static_cast<uint32_t>(body.size());
    header.index = index;
    header.crc32 = Crc32(AsBytes(body));
    const auto bytes = header.Encode();
    return std::string(bytes.begin(), bytes.end()) + body;
  }

  // Nothing at the end of the stream.
  std::optional<Frame> ReadFrame() {
    std::string head(stream::kFrameHeaderBytes, '\0');
    if (!ReadAll(&head)) return std::nullopt;
    const auto header = stream::FrameHeader::Decode(std::span<const uint8_t, stream::kFrameHeaderBytes>(
        reinterpret_cast<const uint8_t*>(head.data()), stream::kFrameHeaderBytes));
    if (!header.ok()) return std::nullopt;
    Frame frame{*header, std::string(header->length_bytes, '\0')};
    if (!ReadAll(&frame.body)) return std::nullopt;
    return frame;
  }
  // The next frame that is of this type, past others.
  std::optional<Frame> ReadFrame(stream::FrameType type) {
    for (;;) {
      std::optional<Frame> frame = ReadFrame();
      if (!frame.has_value() || frame->header.type == type) return frame;
    }
  }
  // Reads until the other end closes; whether it did.
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
  bool ReadAll(std::string* into) {
    return into->empty() || ::recv(socket_.get(), into->data(), into->size(), MSG_WAITALL) ==
                                static_cast<ssize_t>(into->size());
  }

  FileDescriptor socket_;
};

// Where a session can dial to and meet a RawConnection.
class RawListener {
 public:
  RawListener() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = RawConnection::Loopback(0);
    socklen_t length = sizeof address;
    if (::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), length) != 0) return;
    if (::listen(socket_.get(), 8) != 0) return;
    ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
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
