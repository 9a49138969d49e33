#pragma once

#include <memory>

#include "services/tracker/limits/rate_limiter.h"
#include "services/tracker/metrics/listener_metrics.h"
#include "services/tracker/state/tracker_state.h"
#include "shoal/base/clock.h"
#include "shoal/service/grpc/grpc_methods.h"

namespace shoal::tracker {

// The gRPC door: shoal.tracker.v1.TrackerService over a Registry. It turns messages into values, asks, and
// turns the answer back; what the answer is, is the registry's business. Thread-safe.
class TrackerService {
 public:
  static constexpr char kName[] = "shoal.tracker.v1.TrackerService";

  // All must outlive it, and it must outlive the server that it is registered with.
  static std::unique_ptr<TrackerService> Create(TrackerState* state, ListenerMetrics* metrics,
                                                RateLimiter* limiter, const Clock* clock);
  virtual ~TrackerService() = default;

  virtual void AddTo(service::GrpcMethods* methods) = 0;
  // Ends all Watch streams with UNAVAILABLE, now and from now on: they would hold up a server that drains.
  virtual void EndWatches() = 0;
};

}  // namespace shoal::tracker
