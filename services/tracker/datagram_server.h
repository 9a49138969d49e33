#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "shoal/base/byte_order.h"
#include "shoal/base/endpoint.h"

namespace shoal::tracker {

// A UDP port that answers each datagram with at most one: sockets that share the port (SO_REUSEPORT; the
// kernel spreads the senders over them), one thread for each, which takes and sends up to 64 datagrams a
// system call. What is in the datagrams is the handler's business.
class DatagramServer {
 public:
  // The reply, or an empty string for none. Runs on the server's threads, several at a time; must not block.
  using Handler = std::function<std::string(ByteView datagram, const Endpoint& source)>;

  struct Options {
    Endpoint listen;       // port 0: the system chooses
    uint32_t sockets = 1;  // each with its thread; one answers some 300,000 datagrams a second
    // Replies that the system would not send. Called like the handler.
    std::function<void(uint64_t count)> on_unsendable;
  };

  // UNAVAILABLE with the address when it can't be bound.
  static absl::StatusOr<std::unique_ptr<DatagramServer>> Start(const Options& options, Handler handler);
  virtual ~DatagramServer() = default;  // Stop()

  virtual uint16_t port() const = 0;
  // A last batch is answered first. Idempotent, blocks until done.
  virtual void Stop() = 0;
};

}  // namespace shoal::tracker
