#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace shoal {

// Sizes, rates and times as people write and read them. Thread-safe.

// "512KiB", "1.5 GiB", "10MB" (powers of ten), "4096". Case does not matter. INVALID_ARGUMENT that shows the
// forms.
absl::StatusOr<uint64_t> ParseBytes(absl::string_view text);
// "12MiB", "12 MiB/s", "20Mbit", "20Mbit/s" (powers of ten, eight bits to the byte), in bytes per second;
// "none" is UINT64_MAX: no limit. INVALID_ARGUMENT that shows the forms, for zero too.
absl::StatusOr<uint64_t> ParseRate(absl::string_view text);
// "30s", "5m", "1h30m", "250ms", "forever" (absl::InfiniteDuration()). INVALID_ARGUMENT for others and for
// negatives.
absl::StatusOr<absl::Duration> ParseDuration(absl::string_view text);

// Three significant digits, powers of two: "0 B", "1023 B", "4.00 KiB", "1.36 GiB".
std::string FormatBytes(uint64_t bytes);
std::string FormatRate(double bytes_per_second);  // "12.3 MiB/s"
// Two units at most: "0.4s", "12s", "3m07s", "2h05m", "4d03h"; "forever".
// Say shoal::FormatDuration: Abseil has one of the same name, which the argument brings along.
std::string FormatDuration(absl::Duration duration);

}  // namespace shoal
