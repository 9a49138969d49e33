#include "shoal/tracking/client/tracker_client.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "shoal/tracking/messages/warm_up.h"

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
  LookupRequest one{ContentId(), request.exclude, request.max_peers, request.site, request.peer_secret};
  for (const ContentId& content : request.contents) {
    one.content = content;
    absl::StatusOr<LookupResponse> result = Lookup(one, deadline - Clock::Real().Uptime());
    if (!result.ok() && !absl::IsNotFound(result.status())) return result.status();
    response.warming_up =
        std::max(response.warming_up, result.ok() ? result->warming_up : WarmUpOf(result.status()));
    response.results.push_back(result.ok() ? *std::move(result) : LookupResponse());
  }
  return response;
}

std::vector<absl::StatusOr<LookupResponse>> TrackerClient::LookupEach(
    const std::vector<LookupRequest>& requests, absl::Duration timeout) {
  const absl::Duration deadline = Clock::Real().Uptime() + timeout;
  std::vector<absl::StatusOr<LookupResponse>> outcomes;
  absl::Status away;
  for (const LookupRequest& request : requests) {
    outcomes.push_back(away.ok() ? Lookup(request, deadline - Clock::Real().Uptime())
                                 : absl::StatusOr<LookupResponse>(away));
    const absl::Status& status = outcomes.back().status();
    if (absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status)) away = status;
  }
  return outcomes;
}

}  // namespace shoal::tracking
