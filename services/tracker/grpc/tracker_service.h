#pragma once

#include <memory>

#include "services/tracker/limits/rate_limiter.h"
#include "services/tracker/metrics/listener_metrics.h"
#include "services/tracker/state/tracker_state.h"
#include "shoal/base/clock.h"
#include "shoal/service/grpc/grpc_methods.h"

namespace shoal::tracker {

// The gRPC listener: shoal.tracker.v1.TrackerService over a TrackerState. Converts messages to values and
// back; the state decides. Thread-safe.
class TrackerService {
 public:
  static constexpr char kName[] = "shoal.tracker.v1.TrackerService";

  // Requires: all pointers outlive this, and this outlives the server that it is added to.
  static std::unique_ptr<TrackerService> Create(TrackerState* state, ListenerMetrics* metrics,
                                                RateLimiter* limiter, const Clock* clock);
  virtual ~TrackerService() = default;

  virtual void AddTo(service::GrpcMethods* methods) = 0;
  // Ends all present and future Watch streams with UNAVAILABLE: they would hold up a server that drains.
  virtual void EndWatches() = 0;
};

}  // namespace shoal::tracker
