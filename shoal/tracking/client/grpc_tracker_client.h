#pragma once

#include <memory>

#include "shoal/tracking/client/tracker_client.h"

namespace shoal::tracking {

// A TrackerClient over gRPC. A call fails at once when nothing listens; a tracker that was away is
// reconnected within five seconds of its return. Proxy settings of the environment are ignored: most trackers
// are on the local network.
std::unique_ptr<TrackerClient> MakeGrpcTrackerClient(const TrackerUrl& url);

}  // namespace shoal::tracking
