#pragma once

#include <optional>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/tracker/limits/bittorrent_limits.h"
#include "services/tracker/limits/rate_limiter.h"
#include "services/tracker/limits/registry_limits.h"
#include "shoal/service/log/log.h"

namespace shoal::tracker {

// The settings that can change while a tracker runs.
struct TrackerLimits {
  RegistryLimits registry;
  BitTorrentLimits bittorrent;
  RateLimiter::Rates rates;
  std::optional<service::LogLevel> log_level;  // nullopt: the flag's
};

// A limit's name in a file and as a flag, and its description: "max-leases", "The most ...".
struct LimitName {
  const char* name;
  const char* what;
};
std::span<const LimitName> LimitNames();

// Sets a limit. Errors: INVALID_ARGUMENT, with the name, for an unknown name or an invalid value.
absl::Status SetLimit(absl::string_view name, absl::string_view value, TrackerLimits* limits);
// Returns: the limit's value as SetLimit parses it.
std::string LimitText(absl::string_view name, const TrackerLimits& limits);

// Parses a limits file: a line "name=value" for each limit that differs from `flags`; empty lines and lines
// that begin with '#' are ignored. Errors: INVALID_ARGUMENT that names the line.
absl::StatusOr<TrackerLimits> ParseLimits(absl::string_view text, const TrackerLimits& flags);
// Reads and parses a file of at most 64 KiB. Errors name the file.
absl::StatusOr<TrackerLimits> ReadLimitsFile(const std::string& path, const TrackerLimits& flags);

}  // namespace shoal::tracker
