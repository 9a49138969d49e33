#pragma once

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "shoal/base/endpoint.h"

namespace shoal::service {

// Asks grpc.health.v1.Health/Check (for the server as a whole) at `address`: OK when SERVING; UNAVAILABLE
// otherwise. What
// `--health-check` of the daemons does, so that a container without a shell can check itself.
absl::Status CheckHealth(const HostPort& address, absl::Duration timeout);

}  // namespace shoal::service
