#pragma once

#include <cstddef>
#include <vector>

#include "shoal/tracking/messages/messages.h"

namespace shoal::tracking {

// Splits `request` into several of at most `max_bytes` each as protobuf, in the same order. A beat with more
// gained chunks than one message holds is spread over several messages with the same numbers in each: a beat
// states totals, not increments, so the tracker ends up with the same state. Pure.
std::vector<HeartbeatRequest> SplitHeartbeat(const HeartbeatRequest& request, size_t max_bytes);

// The same for the leases of a Leave. One without leases (all of them) stays one.
std::vector<LeaveRequest> SplitLeave(const LeaveRequest& request, size_t max_bytes);

}  // namespace shoal::tracking
