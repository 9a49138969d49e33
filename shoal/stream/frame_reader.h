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

// Splits the byte stream of a transport into frames: a header, then the body by one of three calls. Reads
// ahead a little, so that small frames that arrive together cost one read; of a large frame no more than that
// is copied. After a small chunk it reads far ahead, because more small chunks will follow.
//
// `transport` must outlive this. One coroutine at a time. Errors: those of Transport, and INVALID_ARGUMENT
// for bytes that are no frame.
class FrameReader {
 public:
  explicit FrameReader(net::Transport& transport);

  boost::asio::awaitable<absl::StatusOr<FrameHeader>> ReadHeader();

  // The body, by exactly one of these three.
  // All of it, checked against the CRC-32 of the header, into `into`, whose memory is reused. Memory grows
  // with what arrives, not with what the header claims.
  boost::asio::awaitable<absl::Status> ReadWhole(FrameHeader header, std::string* into);
  // Drops it.
  boost::asio::awaitable<absl::Status> Skip(uint32_t length_bytes);
  // A part of it: at least one byte, at most into.size(). The caller counts.
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
