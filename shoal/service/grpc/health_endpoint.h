#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "shoal/base/endpoint.h"
#include "shoal/net/tls/tls_context.h"

namespace shoal::service {

// A listener for health checks: grpc.health.v1 with server reflection, for processes that have no other gRPC
// service. An interface, so that its users do not depend on gRPC.
//
// Thread safety: all methods are thread-safe.
class HealthEndpoint {
 public:
  virtual ~HealthEndpoint() = default;  // Stop()

  virtual uint16_t port() const = 0;
  // Sets the state, which is NOT_SERVING at first.
  virtual void SetServing(bool serving) = 0;
  // Ends the listener at once: health checks are short. Blocks until done; idempotent.
  virtual void Stop() = 0;
};

// Opens one at an address; port 0: the system chooses. Errors: UNAVAILABLE, with the address, when it can't
// be bound.
using HealthEndpointFactory =
    std::function<absl::StatusOr<std::unique_ptr<HealthEndpoint>>(const Endpoint& listen)>;
absl::StatusOr<std::unique_ptr<HealthEndpoint>> OpenHealthEndpoint(const Endpoint& listen);

// The client: calls grpc.health.v1.Health/Check, for the server as a whole, at `target`, which
// is HOST:PORT or "unix:" and the path of a socket. Returns OK when it is SERVING, UNAVAILABLE otherwise.
// `--health-check` uses it, so that a container without a shell can check itself: with `tls` it presents the
// certificate of the process that it checks, and expects that one.
absl::Status CheckHealth(const std::string& target, absl::Duration timeout,
                         const std::shared_ptr<net::TlsContext>& tls = nullptr);

}  // namespace shoal::service
