#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "shoal/base/endpoint.h"
#include "shoal/base/mutex.h"

namespace shoal::service {

// The local addresses of the connections of a server. gRPC tells only the remote end of a call, and has no
// notification for the end of a connection: so this remembers both ends of each socket before it is handed to
// gRPC, and forgets those that were closed once there are too many.
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

 private:
  struct Connection {
    Endpoint local;
    int socket = -1;
    uint64_t cookie = 0;  // of the socket: tells it from a later one with the same descriptor
  };

  const size_t max_open_;
  mutable Mutex mutex_;
  absl::flat_hash_map<Endpoint, Connection> connections_ ABSL_GUARDED_BY(mutex_);  // by remote end
};

}  // namespace shoal::service
