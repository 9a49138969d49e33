#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "shoal/stream/wire/frame.h"

namespace shoal::net {
class Transport;
}  // namespace shoal::net

namespace shoal::stream {

// Splits the byte stream of a transport into frames: a header, then the body by one of three calls. It does
// not interpret bodies. It reads a few bytes ahead, so that small frames that arrive together cost one read.
// The read-ahead is small, so that little of a large frame has to be copied. After a small chunk it reads far
// ahead, because more small chunks usually follow.
//
// Errors: those of Transport, and INVALID_ARGUMENT for bytes that are no frame.
// Thread safety: one coroutine at a time. `transport` must outlive this.
class FrameReader {
 public:
  explicit FrameReader(net::Transport& transport);

  boost::asio::awaitable<absl::StatusOr<FrameHeader>> ReadHeader();

  // After each header, the body is consumed by exactly one of the following three.

  // Reads the whole body into `into`, whose memory is reused, and checks it against the CRC-32 of the header.
  // Memory grows with what arrives, not with the length in the header.
  boost::asio::awaitable<absl::Status> ReadWhole(FrameHeader header, std::string* into);
  // Reads and drops the body.
  boost::asio::awaitable<absl::Status> Skip(uint32_t length_bytes);
  // Reads a part of the body: at least one byte, at most into.size(). The caller counts the bytes.
  boost::asio::awaitable<absl::StatusOr<size_t>> ReadSome(std::span<uint8_t> into);

 private:
  boost::asio::awaitable<absl::Status> ReadAll(std::span<uint8_t> into);
  size_t TakeAhead(std::span<uint8_t> into);

  net::Transport& transport_;
  std::vector<uint8_t> ahead_;
  bool in_small_chunks_ = false;  // the last chunk was one
  size_t begin_ = 0;              // of what is in ahead_ and was not taken yet
  size_t end_ = 0;
};

}  // namespace shoal::stream
