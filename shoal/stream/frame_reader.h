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

// Takes the bytes of a transport apart into frames: a header, then what follows it in one of three ways.
// Reads ahead a little, so that small frames that come together cost one read together; of a large one no
// more than that little is copied. After a small chunk it reads far ahead, since more of its kind will
// follow. `transport` must outlive it. One coroutine at a time; errors as Transport's, and INVALID_ARGUMENT
// for bytes that are no frame.
class FrameReader {
 public:
  explicit FrameReader(net::Transport& transport);

  boost::asio::awaitable<absl::StatusOr<FrameHeader>> ReadHeader();

  // What follows the header, by exactly one of these:
  // all of it, checked against the header's CRC-32, into `into` (whose memory is used again). Memory grows
  // with what really comes, not with what the header claims.
  boost::asio::awaitable<absl::Status> ReadWhole(FrameHeader header, std::string* into);
  // none of it is wanted.
  boost::asio::awaitable<absl::Status> Skip(uint32_t length_bytes);
  // or bit by bit: at least one byte, at most into.size(). The caller counts.
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
