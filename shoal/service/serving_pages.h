#pragma once

#include <functional>
#include <string>

#include "absl/strings/string_view.h"
#include "shoal/service/http/http_server.h"
#include "shoal/service/metrics/serving_metrics.h"

namespace shoal::service {

// Returns the pages of a process that serves chunks, a seeder or a leecher, for HttpServer:
//   /healthz   200 while the process runs
//   /readyz    200 while `figures` says ready, otherwise 503 with the reason
//   /metrics   `figures` and the process for Prometheus; see ServingMetrics for `prefix`
//
// Thread safety: `figures` is called on the thread of the server, and must not block. What it refers to must
// outlive the server.
HttpServer::Routes ServingPages(const std::string& prefix, absl::string_view version,
                                std::function<ServingFigures()> figures);

}  // namespace shoal::service
