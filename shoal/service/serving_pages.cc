#include "shoal/service/serving_pages.h"

#include <memory>
#include <utility>

namespace shoal::service {

HttpServer::Routes ServingPages(const std::string& prefix, absl::string_view version,
                                std::function<ServingFigures()> figures) {
  HttpServer::Routes routes;
  routes["/healthz"] = [](const HttpRequest&) { return HttpResponse{.body = "ok\n"}; };
  routes["/readyz"] = [figures](const HttpRequest&) {
    const ServingFigures now = figures();
    if (now.ready) return HttpResponse{.body = "ready\n"};
    return HttpResponse{.status = 503, .body = now.not_ready + "\n"};
  };
  routes["/metrics"] = [figures = std::move(figures),
                        metrics = std::make_shared<ServingMetrics>(prefix, version)](const HttpRequest&) {
    return HttpResponse{.content_type = "text/plain; version=0.0.4; charset=utf-8",
                        .body = metrics->Render(figures())};
  };
  return routes;
}

}  // namespace shoal::service
