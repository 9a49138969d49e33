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

// What may be changed while a tracker runs.
struct TrackerLimits {
  RegistryLimits registry;
  BitTorrentLimits bittorrent;
  RateLimiter::Rates rates;
  std::optional<service::LogLevel> log_level;  // none: as the flags say
};

// The names that limits have in a file and as flags, each with what it is: "max-leases", "The most ...".
struct LimitName {
  const char* name;
  const char* what;
};
std::span<const LimitName> LimitNames();

// Sets the limit of that name. INVALID_ARGUMENT, with the name: there is none of that name, or the value is
// no number that it may have.
absl::Status SetLimit(absl::string_view name, absl::string_view value, TrackerLimits* limits);
// What the limit of that name is now, as SetLimit reads it.
std::string LimitText(absl::string_view name, const TrackerLimits& limits);

// The text of a limits file: a line "name=value" for each limit that is not to be as in `flags`; empty lines
// and lines that begin with '#' mean nothing. INVALID_ARGUMENT that names the line.
absl::StatusOr<TrackerLimits> ParseLimits(absl::string_view text, const TrackerLimits& flags);
// The same from a file of at most 64 KiB. Errors name the file.
absl::StatusOr<TrackerLimits> ReadLimitsFile(const std::string& path, const TrackerLimits& flags);

}  // namespace shoal::tracker
