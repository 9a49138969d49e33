#pragma once

#include <optional>
#include <string>

#include "absl/time/time.h"
#include "clients/leecher/session/json_events.h"

namespace shoal::leecher {

// What a process that serves says of itself, in words for people. Pure.

// "3 peers, 1.20 GiB sent, 12.3 MiB/s, 1 of 2 trackers told, 12m left"; `left` unset: no end.
std::string ServingText(const ServingStatus& serving, std::optional<absl::Duration> left);
// "served for 3m07s: 1.20 GiB in 2,400 chunks"
std::string ServedText(const ServingStatus& serving, absl::Duration took);

}  // namespace shoal::leecher
