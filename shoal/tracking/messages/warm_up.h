#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"

namespace shoal::tracking {

// The warm-up of a tracker as part of an error. A tracker that was started less than a lease ago may not know
// a content whose peers are alive but have not registered again yet. It says so with NOT_FOUND, and a caller
// that can wait asks again. The time travels as a payload of the status; over gRPC as trailing metadata, and
// in datagrams as a field of the error.

// The key of the metadata; its value is a number of milliseconds in decimal.
inline constexpr char kWarmUpMetadata[] = "shoal-warming-up-ms";
inline constexpr char kWarmUpPayload[] = "shoal.tracker.v1/warming-up-ms";

// Longer times are clamped: no lease is longer.
inline constexpr absl::Duration kMaxWarmUp = absl::Hours(24 * 7);

// Returns: the milliseconds of a warm-up, as its payload and its metadata have them.
inline std::string WarmUpText(absl::Duration left) {
  return absl::StrCat(absl::ToInt64Milliseconds(absl::Ceil(left, absl::Milliseconds(1))));
}

// Returns: the time that `text` has; zero for any other text.
inline absl::Duration WarmUpFrom(const std::string& text) {
  int64_t milliseconds = 0;
  if (!absl::SimpleAtoi(text, &milliseconds) || milliseconds < 0) return absl::ZeroDuration();
  return std::min(absl::Milliseconds(milliseconds), kMaxWarmUp);
}

// Returns: `status` with the time until the tracker knows all live peers. Zero, or OK: `status` as it is.
inline absl::Status WithWarmUp(absl::Status status, absl::Duration left) {
  if (left <= absl::ZeroDuration() || status.ok()) return status;
  // From a string_view: the symbol of Cord's constructor from std::string depends on the compiler.
  const std::string text = WarmUpText(left);
  status.SetPayload(kWarmUpPayload, absl::Cord(absl::string_view(text)));
  return status;
}

// Returns: the time that WithWarmUp put into `status`; zero for any other status.
inline absl::Duration WarmUpOf(const absl::Status& status) {
  const absl::optional<absl::Cord> payload = status.GetPayload(kWarmUpPayload);
  return payload.has_value() ? WarmUpFrom(std::string(*payload)) : absl::ZeroDuration();
}

}  // namespace shoal::tracking
