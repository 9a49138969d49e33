#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "shoal/base/endpoint.h"
#include "shoal/base/file_descriptor.h"

namespace shoal::net {

// UNAVAILABLE: no socket could be bound to `at`, for the reason of `error` (an errno value); says what to do.
absl::Status ListenError(absl::string_view at, int error);

// A listening TCP socket, and the port that it is bound to. The socket is non-blocking, is closed on exec,
// and has a backlog as long as the system allows. It accepts nothing by itself: AcceptLoop does.
//
// Thread safety: one thread at a time.
struct Listener {
  FileDescriptor socket;
  uint16_t port = 0;

  // Opens a socket and binds it to `at`. Port 0: the system chooses one. An unspecified address accepts IPv4
  // and IPv6, or only IPv4 where the system has no IPv6. The port is not shared (no SO_REUSEPORT), so that
  // two servers never split the connections of one address.
  //
  // Errors: UNAVAILABLE, with the address, when it can't be bound.
  static absl::StatusOr<Listener> Open(const Endpoint& at);
};

}  // namespace shoal::net
