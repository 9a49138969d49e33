#pragma once

#include <functional>
#include <memory>

#include "shoal/tracking/client/tracker_client.h"

namespace shoal::tracking {

// A TrackerClient over datagrams. Requests are sent again (after 250 ms, then twice as long each time) until
// `timeout`; a tracker of which three tries in a row hear that nothing listens is UNAVAILABLE before that. A
// heartbeat or a Leave of many leases goes out as several datagrams; what datagrams can't carry goes to the
// tracker's gRPC listener, whose port each of its replies names.
//
// Calls of several threads take turns; those that go to the gRPC listener don't.
using MakeGrpcClient = std::function<std::unique_ptr<TrackerClient>(const TrackerUrl& url)>;
std::unique_ptr<TrackerClient> MakeUdpTrackerClient(const TrackerUrl& url, MakeGrpcClient make_grpc_client);

}  // namespace shoal::tracking
