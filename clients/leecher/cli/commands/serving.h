#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "clients/leecher/cli/commands/arguments.h"
#include "clients/leecher/cli/commands/tracker_messages.h"
#include "clients/leecher/cli/terminal/console.h"
#include "clients/leecher/cli/terminal/interrupts.h"
#include "clients/leecher/session/reseeder.h"
#include "shoal/content/manifest/ids.h"

namespace shoal::leecher {

// Takes connections as `options` say, with trackers spoken to for real; null when it is not to serve.
// `on_rejected` as in Reseeder.
absl::StatusOr<std::unique_ptr<Reseeder>> StartServing(
    const ServeOptions& options, const PeerId& self, std::shared_ptr<net::RateLimit> limit_up,
    std::function<std::shared_ptr<tracking::TrackerClient>(const tracking::TrackerUrl&)> make_tracker_client,
    std::function<void(const tracking::TrackerUrl&, const absl::Status&)> on_tracker,
    std::function<void(const tracking::ContentSummary&, const absl::Status&)> on_rejected);

// Serves on until `duration` has passed or a signal comes, and shows it. `names`: what is served, for people.
void ServeOn(const Reseeder& reseeder, const std::vector<std::string>& names, absl::Duration duration,
             TrackerMessages& messages, Console& console, Interrupts& interrupts);

}  // namespace shoal::leecher
