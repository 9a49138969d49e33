#include "shoal/tracking/client/tracker_client.h"

namespace shoal {

absl::StatusOr<RegisterManyReply> TrackerClient::RegisterMany(const RegisterManyRequest& request,
                                                              absl::Duration timeout) {
  const absl::Duration deadline = Clock::Real().Uptime() + timeout;
  RegisterManyReply reply;
  absl::Status away;
  for (const auto& registration : request.registrations) {
    if (!away.ok()) {
      reply.outcomes.emplace_back(away);
      continue;
    }
    reply.outcomes.push_back(registration.ok() ? Register(*registration, deadline - Clock::Real().Uptime())
                                               : registration.status());
    const absl::Status& status = reply.outcomes.back().status();
    if (absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status)) away = status;
  }
  return reply;
}

}  // namespace shoal
