#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace shoal {

// Sizes, rates and durations as people write and read them. The parsers of sizes and rates ignore case, and
// spaces before the unit. All errors are INVALID_ARGUMENT with a message that shows the accepted forms.
//
// Thread safety: thread-safe.

// Accepts "512KiB", "1.5 GiB", "10MB" (powers of ten) and "4096". Returns bytes.
absl::StatusOr<uint64_t> ParseBytes(absl::string_view text);

// Accepts "12MiB", "12 MiB/s", "20Mbit" and "20Mbit/s" (powers of ten, eight bits to the byte). Returns bytes
// per second, and UINT64_MAX for "none": no limit. Errors: also for zero.
absl::StatusOr<uint64_t> ParseRate(absl::string_view text);

// Accepts "30s", "5m", "1h30m", "250ms" and "forever" (absl::InfiniteDuration()). Errors: also for negatives.
absl::StatusOr<absl::Duration> ParseDuration(absl::string_view text);

// Returns three significant digits in powers of two: "0 B", "1023 B", "4.00 KiB", "1.36 GiB".
std::string FormatBytes(uint64_t bytes);

// As FormatBytes, per second: "12.3 MiB/s".
std::string FormatRate(double bytes_per_second);

// Returns two units at most: "0.4s", "12s", "3m07s", "2h05m", "4d03h"; "forever" for an infinite duration.
// Callers write shoal::FormatDuration: the argument's namespace brings in Abseil's function of the same name.
std::string FormatDuration(absl::Duration duration);

}  // namespace shoal
