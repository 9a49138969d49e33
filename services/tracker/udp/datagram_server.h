#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "absl/status/statusor.h"
#include "shoal/base/byte_order.h"
#include "shoal/base/endpoint.h"

namespace shoal::tracker {

// A received datagram, and room for the response.
struct IncomingDatagram {
  ByteView bytes;  // empty: it was larger than any request
  Endpoint source;
  std::span<uint8_t> room;    // DatagramServer::kMaxResponseBytes
  IpAddress local;            // the address at which it arrived; unspecified: unknown
  size_t response_bytes = 0;  // sent from the room; 0: no response
};

// Answers the datagrams of a DatagramServer. Called on the server's threads, several at a time; must not
// block.
class DatagramHandler {
 public:
  virtual ~DatagramHandler() = default;

  // Sets response_bytes of the datagrams that get a response. A batch is everything received since the last
  // one, so that work such as reading the clock is done once for all. `overloaded`: more arrives than is
  // answered, and the queue is about to overflow; less important datagrams should be dropped.
  virtual void Answer(std::span<IncomingDatagram> batch, bool overloaded) const = 0;
};

// A UDP port that answers each datagram with at most one, from the address at which the datagram arrived. Its
// sockets share the port (SO_REUSEPORT; the kernel spreads the senders over them); each has a thread that
// receives and sends up to 64 datagrams per system call without allocating. The handler interprets the
// datagrams.
class DatagramServer {
 public:
  static constexpr size_t kMaxResponseBytes = 1200;

  struct Options {
    // Port 0: the system chooses. An unspecified address takes IPv4 and IPv6 (only IPv4 where the system has
    // no IPv6), as net::Listener does.
    Endpoint listen;
    // Each has a thread. 0: one per core that this process may use, but at most 4.
    uint32_t sockets = 0;
    // The kernel's filter for datagrams (classic BPF); none: it keeps all. Requires: static lifetime. Ignored
    // where the system does not allow filters.
    std::span<const sock_filter> filter;
    // Called with the number of responses that the system would not send, on the same threads as the handler.
    std::function<void(uint64_t count)> on_unsendable;
  };

  // Errors: UNAVAILABLE with the address when it can't be bound. Requires: the handler outlives the server.
  static absl::StatusOr<std::unique_ptr<DatagramServer>> Start(const Options& options,
                                                               const DatagramHandler* handler);
  virtual ~DatagramServer() = default;  // Stop()

  virtual uint16_t port() const = 0;
  // A last batch is answered first. Idempotent, blocks until done.
  virtual void Stop() = 0;
};

}  // namespace shoal::tracker
