#pragma once

#include <functional>
#include <memory>

#include "shoal/tracking/client/tracker_client.h"

namespace shoal::tracking {

// A TrackerClient over datagrams. It retries a request after 250 ms, then after twice as long each time,
// until `timeout`; after three port-unreachable errors in a row the tracker is UNAVAILABLE. A heartbeat or
// Leave of many leases becomes several datagrams. What datagrams can't carry goes to the gRPC listener of the
// tracker, whose port each response names.
//
// Thread safety: thread-safe. Calls of several threads take turns, but for those over gRPC.
using MakeGrpcClient = std::function<std::unique_ptr<TrackerClient>(const TrackerUrl& url)>;
std::unique_ptr<TrackerClient> MakeUdpTrackerClient(const TrackerUrl& url, MakeGrpcClient make_grpc_client);

}  // namespace shoal::tracking
