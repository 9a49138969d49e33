#include "shoal/tracking/tracker_client.h"

#include "shoal/tracking/grpc_tracker_client.h"
#include "shoal/tracking/udp_tracker_client.h"

namespace shoal {

std::unique_ptr<TrackerClient> MakeTrackerClient(const TrackerUrl& url) {
  if (url.door == TrackerUrl::Door::kUdp) return MakeUdpTrackerClient(url, MakeGrpcTrackerClient);
  return MakeGrpcTrackerClient(url);
}

}  // namespace shoal
