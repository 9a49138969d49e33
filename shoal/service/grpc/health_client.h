#pragma once

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "shoal/base/endpoint.h"

namespace shoal::service {

// Calls grpc.health.v1.Health/Check, for the server as a whole, at `address`. Returns OK when it is SERVING,
// UNAVAILABLE otherwise. `--health-check` of the daemons uses it, so that a container without a shell can
// check itself.
absl::Status CheckHealth(const HostPort& address, absl::Duration timeout);

}  // namespace shoal::service
