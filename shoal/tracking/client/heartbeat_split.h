#pragma once

#include <cstddef>
#include <vector>

#include "shoal/tracking/messages/messages.h"

namespace shoal::tracking {

// `request` as several that each take `max_bytes` at most as protobuf, in the same order. A beat with more
// gained chunks than one message has room for is spread over several messages, with the same numbers in each:
// as a beat says what is there, and not what is to be added up, the tracker knows the same in the end. Pure.
std::vector<HeartbeatRequest> SplitHeartbeat(const HeartbeatRequest& request, size_t max_bytes);

// The same for the leases of a Leave. One without leases (all of them) stays one.
std::vector<LeaveRequest> SplitLeave(const LeaveRequest& request, size_t max_bytes);

}  // namespace shoal::tracking
