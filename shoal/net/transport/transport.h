#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include <boost/asio/awaitable.hpp>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "shoal/base/endpoint.h"
#include "shoal/base/file_descriptor.h"
#include "shoal/net/event_loop.h"
#include "shoal/net/rate_limit.h"

namespace shoal::net {

// A byte stream to one peer, with the operations that the chunk stream needs. Implementations decide how the
// bytes of a file region get to the network, for instance without a copy in user space.
//
// Errors: UNAVAILABLE (the connection is closed, reset or unreachable), CANCELLED (Close was called).
// Thread safety: bound to one event loop; all calls on its thread, with one reader and one writer at a time.
class Transport {
 public:
  virtual ~Transport() = default;

  // Connects a dialled stream; does nothing for an accepted one. Called once, before any other call. Errors:
  // also UNAVAILABLE when the peer did not answer.
  virtual boost::asio::awaitable<absl::Status> Open() = 0;
  // Reads at least one byte, at most into.size(); UNAVAILABLE "closed by the peer" at the end of the stream.
  virtual boost::asio::awaitable<absl::StatusOr<size_t>> ReadSome(std::span<uint8_t> into) = 0;
  // Writes all of `bytes`.
  virtual boost::asio::awaitable<absl::Status> Write(std::span<const uint8_t> bytes) = 0;
  // As Write, for frames of chunks, which a rate limit may delay.
  virtual boost::asio::awaitable<absl::Status> WriteChunks(std::span<const uint8_t> bytes) {
    return Write(bytes);
  }
  // Writes `header`, then the bytes of the region. Errors: also FAILED_PRECONDITION when the file is shorter
  // than the region or can't be read. Zeros were then written for the rest, so that the peer has received as
  // many bytes as the header announces and the stream can go on.
  virtual boost::asio::awaitable<absl::Status> WriteRegion(std::span<const uint8_t> header,
                                                           const FileRegion& region) = 0;
  // Tells the peer that nothing more will be written. Reading continues.
  virtual void EndWriting() = 0;
  // Ends all pending calls with CANCELLED. Idempotent.
  virtual void Close() = 0;

  virtual const Endpoint& remote() const = 0;
  // Return the bytes that were received from the peer, and those that were passed to the system, including
  // the part of a call in progress.
  virtual uint64_t received_bytes() const = 0;
  virtual uint64_t sent_bytes() const = 0;
  // Returns whether a call waits for the rate limit of this end, not for the peer.
  virtual bool held_back() const { return false; }
};

// Makes transports of one kind, so that servers and clients do not depend on the kind. Another kind (an
// encrypted transport) is another implementation, which is injected. Thread safety: all methods are
// thread-safe.
class TransportFactory {
 public:
  virtual ~TransportFactory() = default;

  // Returns a transport over an accepted socket, which is connected and non-blocking. Bound to `loop`.
  virtual std::unique_ptr<Transport> Accept(EventLoop& loop, FileDescriptor socket) const = 0;
  // Returns a transport that is not connected yet: Open() connects to `peer`. Bound to `loop`.
  virtual std::unique_ptr<Transport> Dial(EventLoop& loop, const Endpoint& peer) const = 0;
};

// Returns the factory of plain TCP transports (TCP_NODELAY, keepalive; sendfile for regions). They bound the
// unsent bytes in the system's queue to little more than it can send at once, so that a session whose write
// returned has nearly finished sending: the next session gets its turn when the link is free, not when a
// queue is.
std::shared_ptr<const TransportFactory> TcpTransports();

// A transport whose WriteChunks and WriteRegion obey a rate limit that can be set after construction, once
// the session knows which content it sends. Before SetWriteLimit, and after SetWriteLimit(null), there is no
// limit.
class LimitedTransport : public Transport {
 public:
  // Holds from the next write on. Requires: nothing is being written.
  virtual void SetWriteLimit(std::shared_ptr<RateLimit> limit) = 0;
};
std::unique_ptr<LimitedTransport> LimitedLater(std::unique_ptr<Transport> transport, EventLoop& loop);

// Wraps `transport` so that reads, and writes of chunks, keep to these limits, which connections may share
// (null: no limit). Other bytes are counted and sent at once. A limit that is not set costs one check per
// call. Returns `transport` itself when both limits are null. Requires: `transport` is bound to `loop`.
std::unique_ptr<Transport> Throttled(std::unique_ptr<Transport> transport, EventLoop& loop,
                                     std::shared_ptr<RateLimit> read_limit,
                                     std::shared_ptr<RateLimit> write_limit);

}  // namespace shoal::net
