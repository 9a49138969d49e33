#pragma once

#include "absl/status/status.h"

namespace shoal::service {

// The notices of a service to systemd (sd_notify(3)), for units of Type=notify: a datagram to the socket that
// the environment names as NOTIFY_SOCKET. Without that variable the process is no such service, and nothing
// is sent. libsystemd is not needed, so that the programs can be linked against archives.
//
// Errors of all: INVALID_ARGUMENT for a NOTIFY_SOCKET that is no address of a socket, otherwise what the
// kernel says. A caller goes on after an error: systemd will then end a service that it believes not to have
// started. Thread safety: thread-safe as long as no thread changes the environment.

// The service is up: the units that are ordered after it may start now.
absl::Status NotifyReady();

// The service ends in order. To be sent when the stop begins, whatever its reason.
absl::Status NotifyStopping();

}  // namespace shoal::service
