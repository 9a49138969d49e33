#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "shoal/base/endpoint.h"

namespace shoal::service {

// Where others check whether a process is healthy: grpc.health.v1 with server reflection, for processes that have
// no other gRPC service. An interface, so that its users need no gRPC.
//
// Thread safety: all methods are thread-safe.
class HealthEndpoint {
 public:
  virtual ~HealthEndpoint() = default;  // Stop()

  virtual uint16_t port() const = 0;
  // NOT_SERVING until this is called with true.
  virtual void SetServing(bool serving) = 0;
  // Ends the listener at once: health checks are short. Blocks until done; idempotent.
  virtual void Stop() = 0;
};

// Opens one at an address; port 0: the system chooses. Errors: UNAVAILABLE with the address when it can't be bound.
using HealthEndpointFactory =
    std::function<absl::StatusOr<std::unique_ptr<HealthEndpoint>>(const Endpoint& listen)>;
absl::StatusOr<std::unique_ptr<HealthEndpoint>> OpenHealthEndpoint(const Endpoint& listen);

// The other end: calls grpc.health.v1.Health/Check, for the server as a whole, at `address`. Returns OK when it is
// SERVING, UNAVAILABLE otherwise. `--health-check` uses it, so that a container without a shell can check itself.
absl::Status CheckHealth(const HostPort& address, absl::Duration timeout);

}  // namespace shoal::service
