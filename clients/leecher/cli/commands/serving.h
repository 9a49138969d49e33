#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "clients/leecher/cli/commands/arguments.h"
#include "clients/leecher/cli/commands/tracker_messages.h"
#include "clients/leecher/cli/terminal/console.h"
#include "clients/leecher/cli/terminal/interrupts.h"
#include "clients/leecher/session/downloads.h"
#include "clients/leecher/session/reseeder.h"
#include "shoal/service/grpc/health_endpoint.h"

namespace shoal::leecher {

// How to serve as `options` say; nothing when they say not to. `messages` receives what trackers answer, and
// must outlive the serving. Errors: those of ResolveHost.
absl::StatusOr<std::optional<Downloads::Serving>> ServingFrom(const ServeOptions& options,
                                                              TrackerMessages& messages);

// Answers grpc.health.v1 with SERVING at `address` for as long as the result lives, so that containers can tell that
// the process is at work. Null for no address. Errors: those of ResolveHost and OpenHealthEndpoint.
absl::StatusOr<std::unique_ptr<service::HealthEndpoint>> StartHealth(const std::optional<HostPort>& address);

// Serves on until `duration` has passed or a signal comes, and shows it. `names`: what is served, for people.
void ServeOn(const Reseeder& reseeder, const std::vector<std::string>& names, absl::Duration duration,
             TrackerMessages& messages, Console& console, Interrupts& interrupts);

}  // namespace shoal::leecher
