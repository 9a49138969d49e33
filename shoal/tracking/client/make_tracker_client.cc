#include "shoal/tracking/client/tracker_client.h"

#include "shoal/tracking/client/grpc_tracker_client.h"
#include "shoal/tracking/client/udp_tracker_client.h"

namespace shoal::tracking {

std::unique_ptr<TrackerClient> MakeTrackerClient(const TrackerUrl& url) {
  if (url.protocol == TrackerUrl::Protocol::kUdp) return MakeUdpTrackerClient(url, MakeGrpcTrackerClient);
  return MakeGrpcTrackerClient(url);
}

}  // namespace shoal::tracking
