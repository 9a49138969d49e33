#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "shoal/base/endpoint.h"
#include "shoal/content/chunk_source.h"

namespace shoal {

// A byte stream to one peer, as the chunk stream needs it: today a TCP socket; an encrypted one would be a second
// implementation, and whether a file region goes out without passing user space is the transport's own business.
//
// Bound to one event loop: all calls on its thread; one reader and one writer at a time. Errors: UNAVAILABLE (the
// connection is gone: closed, reset, unreachable), CANCELLED (Close was called).
class Transport {
 public:
  virtual ~Transport() = default;

  // Reads at least one byte, at most into.size(); UNAVAILABLE "closed by the peer" at the end of the stream.
  virtual boost::asio::awaitable<absl::StatusOr<size_t>> ReadSome(std::span<uint8_t> into) = 0;
  // Writes all of it.
  virtual boost::asio::awaitable<absl::Status> Write(std::span<const uint8_t> bytes) = 0;
  // Writes `header`, then the region's bytes. FAILED_PRECONDITION: the file was shorter than the region; the stream is
  // out of step then and must be closed.
  virtual boost::asio::awaitable<absl::Status> WriteRegion(std::span<const uint8_t> header, const FileRegion& region) = 0;
  // Ends all pending calls with CANCELLED. Idempotent.
  virtual void Close() = 0;

  virtual const Endpoint& remote() const = 0;
};

// A connected TCP socket (no delay, keepalive on; sendfile for regions).
std::unique_ptr<Transport> MakeTcpTransport(boost::asio::ip::tcp::socket socket);

}  // namespace shoal
