#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "shoal/base/endpoint.h"
#include "shoal/base/file_descriptor.h"

namespace shoal::net {

// A listening TCP socket that does not block, and the port that it got.
struct Listener {
  FileDescriptor socket;
  uint16_t port = 0;

  // Binds `at`; port 0: the system chooses. An unspecified address takes IPv4 and IPv6 (only IPv4 where the
  // system has no IPv6). A port that another process has is an error: nothing is ever shared in silence.
  // UNAVAILABLE with the address when it can't be bound.
  static absl::StatusOr<Listener> Open(const Endpoint& at);
};

}  // namespace shoal::net
