#include "shoal/tracking/client/tracker_client.h"

namespace shoal::tracking {

absl::StatusOr<RegisterManyResponse> TrackerClient::RegisterMany(const RegisterManyRequest& request,
                                                                 absl::Duration timeout) {
  const absl::Duration deadline = Clock::Real().Uptime() + timeout;
  RegisterManyResponse response;
  absl::Status away;
  for (const auto& registration : request.registrations) {
    if (!away.ok()) {
      response.outcomes.emplace_back(away);
      continue;
    }
    response.outcomes.push_back(registration.ok() ? Register(*registration, deadline - Clock::Real().Uptime())
                                                  : registration.status());
    const absl::Status& status = response.outcomes.back().status();
    if (absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status)) away = status;
  }
  return response;
}

}  // namespace shoal::tracking
