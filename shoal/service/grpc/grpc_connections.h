#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "shoal/base/endpoint.h"
#include "shoal/base/mutex.h"

namespace shoal::service {

// The TCP connections of a server, as far as gRPC does not tell. It tells only the remote end of a call, and
// has no notification for the end of a connection: so this remembers both ends of each socket before it is
// handed to gRPC, and forgets those that were closed once there are too many. It can end a connection of
// which gRPC takes more than it can use.
//
// Thread safety: thread-safe.
class GrpcConnections {
 public:
  // `max_open`: an upper bound of the connections that are open at a time.
  explicit GrpcConnections(size_t max_open) : max_open_(max_open) {}

  // Requires: `socket` is a connected TCP socket.
  void Add(int socket);
  // Returns: the local end of the connection from `remote`. Errors: NOT_FOUND.
  absl::StatusOr<Endpoint> LocalOf(const Endpoint& remote) const;

  // Those that are remembered; some may be closed.
  size_t count() const;
  // Returns whether a connection was reset here since the last call.
  bool TakeEnded() { return ended_.exchange(false); }
  // Resets the connection from `remote`. Returns false if it is not known, or closed.
  bool End(const Endpoint& remote);
  // Resets connections on which this side has sent nothing while bytes came: those with most of these
  // bytes, until all others together have at most `max_unanswered_bytes`. HTTP/2 answers each request, and
  // each part of a large message with more room; a header block without an end it only collects. A connection
  // below 1 MiB is never reset. Takes a microsecond per connection. Called by one thread, every now and
  // then. Returns: the remote ends of those that were reset.
  std::vector<Endpoint> EndUnanswered(uint64_t max_unanswered_bytes);

 private:
  struct Connection {
    Endpoint local;
    int socket = -1;
    uint64_t cookie = 0;  // of the socket: tells it from a later one with the same descriptor
    // At the latest look at which something had been sent since the one before.
    uint64_t sent_bytes = 0;
    uint64_t received_bytes = 0;
  };

  const size_t max_open_;
  std::atomic<bool> ended_{false};
  mutable Mutex mutex_;
  absl::flat_hash_map<Endpoint, Connection> connections_ ABSL_GUARDED_BY(mutex_);  // by remote end
};

}  // namespace shoal::service
