#pragma once

#include "absl/status/status.h"
#include "shoal/base/error_cause.h"

namespace shoal::tracking {

// What the errors that a tracker answers with mean for people and exit codes. Pure.

// The cause of an error with this code that a tracker answered with: kUnknownContent for NOT_FOUND,
// kNotPermitted for UNAUTHENTICATED and PERMISSION_DENIED, otherwise kTrackerRefused.
ErrorCause CauseOfAnswer(absl::StatusCode code);

// Whether a tracker that can be reached does not serve this client: the cause is kTrackerRefused or
// kNotPermitted.
bool IsRefusal(const absl::Status& status);

}  // namespace shoal::tracking
