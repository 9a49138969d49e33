#pragma once

#include <atomic>
#include <string>

#include "services/tracker/limits/rate_limiter.h"
#include "services/tracker/metrics/listener_metrics.h"
#include "services/tracker/state/tracker_state.h"
#include "shoal/base/clock.h"
#include "shoal/service/http/http_server.h"
#include "shoal/service/metrics/metrics.h"

namespace shoal::tracker {

// What the HTTP door shows of. All must outlive the server.
struct StatusSources {
  TrackerState* state;
  service::Metrics* metrics;
  ListenerMetrics* listener_metrics;
  const RateLimiter* limiter;
  const Clock* clock;
  const std::atomic<bool>* ready;
  std::string version;
};

// "/" (a page for people), "/healthz" (200 as long as the process answers), "/readyz" (503 when the tracker
// is not taking calls: starting or draining) and "/metrics".
service::HttpServer::Routes StatusPages(const StatusSources& sources);

}  // namespace shoal::tracker
