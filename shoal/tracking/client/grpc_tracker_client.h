#pragma once

#include <memory>

#include "shoal/tracking/client/tracker_client.h"

namespace shoal::tracking {

// A TrackerClient over gRPC. It never waits for a tracker that is not there: a call fails at once when
// nothing listens, and a tracker that was away is found again within five seconds of its return. Proxies of
// the environment are not used: a tracker is a neighbour more often than not.
std::unique_ptr<TrackerClient> MakeGrpcTrackerClient(const TrackerUrl& url);

}  // namespace shoal::tracking
