#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "shoal/base/file_descriptor.h"
#include "shoal/content/manifest/checksum.h"
#include "shoal/stream/wire/frame.h"
#include "tests/support/raw_connection.h"

namespace shoal {

// One end of a chunk stream that a test controls, and over which it may send any bytes.
class FrameConnection : public RawConnection {
 public:
  struct Frame {
    stream::FrameHeader header;
    std::string body;
  };

  using RawConnection::RawConnection;
  explicit FrameConnection(RawConnection connection) : RawConnection(std::move(connection)) {}
  static FrameConnection To(uint16_t port, const IpAddress& from = IpAddress::V4({127, 0, 0, 1})) {
    return FrameConnection(RawConnection::To(port, from));
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

  // Returns nothing at the end of the stream.
  std::optional<Frame> ReadFrame() {
    const std::string head = Read(stream::kFrameHeaderBytes);
    if (head.size() < stream::kFrameHeaderBytes) return std::nullopt;
    const auto header = stream::FrameHeader::Decode(std::span<const uint8_t, stream::kFrameHeaderBytes>(
        reinterpret_cast<const uint8_t*>(head.data()), stream::kFrameHeaderBytes));
    if (!header.ok()) return std::nullopt;
    Frame frame{*header, Read(header->length_bytes)};
    if (frame.body.size() < header->length_bytes) return std::nullopt;
    return frame;
  }
  // Returns the next frame of this type, and drops those before it.
  std::optional<Frame> ReadFrame(stream::FrameType type) {
    for (;;) {
      std::optional<Frame> frame = ReadFrame();
      if (!frame.has_value() || frame->header.type == type) return frame;
    }
  }
};

}  // namespace shoal
