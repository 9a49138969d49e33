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

namespace shoal::net {

// A byte stream to one peer, as the chunk stream needs it. Whether a file region goes out without passing
// user space is the transport's own business.
//
// Bound to one event loop: all calls on its thread; one reader and one writer at a time. Errors: UNAVAILABLE
// (the connection is gone: closed, reset, unreachable), CANCELLED (Close was called).
class Transport {
 public:
  virtual ~Transport() = default;

  // Makes the stream usable: connects a dialled stream; does nothing for an accepted one. Called once, before
  // anything else. UNAVAILABLE: the peer did not answer.
  virtual boost::asio::awaitable<absl::Status> Open() = 0;
  // Reads at least one byte, at most into.size(); UNAVAILABLE "closed by the peer" at the end of the stream.
  virtual boost::asio::awaitable<absl::StatusOr<size_t>> ReadSome(std::span<uint8_t> into) = 0;
  // Writes all of it.
  virtual boost::asio::awaitable<absl::Status> Write(std::span<const uint8_t> bytes) = 0;
  // The same for frames of chunks, which a rate limit may delay.
  virtual boost::asio::awaitable<absl::Status> WriteChunks(std::span<const uint8_t> bytes) {
    return Write(bytes);
  }
  // Writes `header`, then the region's bytes. FAILED_PRECONDITION: the file was shorter than the region; the
  // stream is out of step then and must be closed.
  virtual boost::asio::awaitable<absl::Status> WriteRegion(std::span<const uint8_t> header,
                                                           const FileRegion& region) = 0;
  // Tells the peer that nothing more will be written; reading goes on.
  virtual void EndWriting() = 0;
  // Ends all pending calls with CANCELLED. Idempotent.
  virtual void Close() = 0;

  virtual const Endpoint& remote() const = 0;
  // Bytes received from the peer, and bytes handed to the network, including those of a call that still
  // waits.
  virtual uint64_t received_bytes() const = 0;
  virtual uint64_t sent_bytes() const = 0;
  // A call waits for the rate limit of this end, not for the peer.
  virtual bool held_back() const { return false; }
};

// Makes the transports of one kind, so that servers and clients do not depend on which: an encrypted
// transport is a second implementation that is injected. Thread safety: all methods are thread-safe.
class TransportFactory {
 public:
  virtual ~TransportFactory() = default;

  // Over an accepted socket, which is connected and does not block; bound to `loop`.
  virtual std::unique_ptr<Transport> Accept(EventLoop& loop, FileDescriptor socket) const = 0;
  // Not connected yet: Open() connects to `peer`. Bound to `loop`.
  virtual std::unique_ptr<Transport> Dial(EventLoop& loop, const Endpoint& peer) const = 0;
};

// Plain TCP (no delay, keepalive; sendfile for regions). The system is given little more than it can send at
// once, so that what was written has nearly left: a session that waits for its turn to send gets it when the
// link is free, not when the queue of the session before is.
std::shared_ptr<const TransportFactory> TcpTransports();

}  // namespace shoal::net
