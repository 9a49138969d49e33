#include "shoal/tracking/client/refusal.h"

namespace shoal::tracking {

ErrorCause CauseOfAnswer(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kNotFound:
      return ErrorCause::kUnknownContent;
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kPermissionDenied:
      return ErrorCause::kNotPermitted;
    default:
      return ErrorCause::kTrackerRefused;
  }
}

bool IsRefusal(const absl::Status& status) {
  const ErrorCause cause = CauseOf(status);
  return cause == ErrorCause::kTrackerRefused || cause == ErrorCause::kNotPermitted;
}

}  // namespace shoal::tracking
