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

// One datagram that came, and the room for the one that goes back.
struct IncomingDatagram {
  ByteView bytes;  // empty: it was larger than any protocol's
  Endpoint source;
  std::span<uint8_t> room;    // DatagramServer::kMaxResponseBytes
  size_t response_bytes = 0;  // what of the room is sent; 0: nothing is
};

// What answers datagrams: the protocols' part of a DatagramServer. Called on the server's threads, several at
// a time; must not block.
class DatagramHandler {
 public:
  virtual ~DatagramHandler() = default;

  // Sets reply_bytes of those that get a reply. A batch is what came since the last one, so that what needs
  // doing once (a look at the clock) is done once for all. `overloaded`: more comes than is answered, and
  // what waits is about to be lost, so what matters less had better go without an answer.
  virtual void Answer(std::span<IncomingDatagram> batch, bool overloaded) const = 0;
};

// A UDP port that answers each datagram with at most one: sockets that share the port (SO_REUSEPORT; the
// kernel spreads the senders over them), one thread for each, which takes and sends up to 64 datagrams a
// system call, without memory for each. What is in the datagrams is the handler's business.
class DatagramServer {
 public:
  static constexpr size_t kMaxResponseBytes = 1200;

  struct Options {
    Endpoint listen;  // port 0: the system chooses
    // Each with its thread. 0: one for each core that this process may run on, but at most 4.
    uint32_t sockets = 0;
    // What the kernel asks for each datagram whether to keep it (classic BPF); none: it keeps all. Lives as
    // long as the program. Where the system allows no such thing, everything is kept.
    std::span<const sock_filter> filter;
    // Responses that the system would not send. Called on the same threads as the handler.
    std::function<void(uint64_t count)> on_unsendable;
  };

  // UNAVAILABLE with the address when it can't be bound. The handler must outlive the server.
  static absl::StatusOr<std::unique_ptr<DatagramServer>> Start(const Options& options,
                                                               const DatagramHandler* handler);
  virtual ~DatagramServer() = default;  // Stop()

  virtual uint16_t port() const = 0;
  // A last batch is answered first. Idempotent, blocks until done.
  virtual void Stop() = 0;
};

}  // namespace shoal::tracker
