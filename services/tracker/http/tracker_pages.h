#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>

#include "services/tracker/access/access_control.h"
#include "services/tracker/limits/rate_limiter.h"
#include "services/tracker/metrics/listener_metrics.h"
#include "services/tracker/state/tracker_state.h"
#include "shoal/base/clock.h"
#include "shoal/service/http/http_server.h"
#include "shoal/service/metrics/metrics.h"

namespace shoal::tracker {

// Where the HTTP listener gets its values from. Requires: all outlive the server.
struct PageSources {
  TrackerState* state;
  service::Metrics* metrics;
  ListenerMetrics* listener_metrics;
  const RateLimiter* limiter;
  const Clock* clock;
  const std::atomic<bool>* ready;
  std::string version;
};

// The HTTP listener's routes:
//   /            the page for people (web/tracker), and its files
//   /api/status  what its second view shows, as JSON: readiness, totals, limits with their use and refusals
//   /healthz     200 as long as the process answers
//   /readyz      503 when the tracker takes no calls: it is starting or draining
//   /metrics     for Prometheus
// What the page shows of contents comes from the tracker's own methods, see service::ReadOnlyApi.
service::HttpServer::Routes TrackerPages(const PageSources& sources);

// Refuses requests without the right to list, if the tracker has tokens. /healthz and /readyz stay open, and
// so do the files of the page, which are the same everywhere and ask the person for a token. For
// HttpServer::Options::admit. Requires: `access` outlives the server.
std::function<std::optional<service::HttpResponse>(const service::HttpRequest&)> PageGuard(
    const AccessControl* access);

}  // namespace shoal::tracker
