#pragma once

#include <atomic>

#include "services/tracker/door_metrics.h"
#include "services/tracker/registry.h"
#include "shoal/service/http_server.h"
#include "shoal/service/metrics.h"

namespace shoal::tracker {

// What the HTTP door shows: "/", "/healthz" (200 as long as the process answers), "/readyz" (503 when the
// tracker is not taking calls: starting or draining) and "/metrics". All must outlive the server.
HttpServer::Routes StatusPages(const Registry* registry, Metrics* metrics, DoorMetrics* door_metrics,
                               const std::atomic<bool>* ready);

}  // namespace shoal::tracker
