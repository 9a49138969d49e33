#include "shoal/tracking/client/tracker_client.h"

#include <utility>

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

absl::StatusOr<LookupManyResponse> TrackerClient::LookupMany(const LookupManyRequest& request,
                                                             absl::Duration timeout) {
  const absl::Duration deadline = Clock::Real().Uptime() + timeout;
  LookupManyResponse response;
  LookupRequest one{ContentId(), request.exclude, request.max_peers, request.site};
  for (const ContentId& content : request.contents) {
    one.content = content;
    absl::StatusOr<LookupResponse> result = Lookup(one, deadline - Clock::Real().Uptime());
    if (!result.ok() && !absl::IsNotFound(result.status())) return result.status();
    response.results.push_back(result.ok() ? *std::move(result) : LookupResponse());
  }
  return response;
}

}  // namespace shoal::tracking
