#include "services/tracker/status_pages.h"

#include "absl/strings/str_cat.h"
#include "shoal/base/units.h"

namespace shoal::tracker {
namespace {

std::string Overview(const Registry& registry, bool ready) {
  const Registry::Stats stats = registry.stats();
  return absl::StrCat("Shoal tracker", ready ? "" : " (not taking calls)", "\n\n",  //
                      "contents      ", stats.contents, "\n",                       //
                      "seeders       ", stats.complete_peers, "\n",                 //
                      "leechers      ", stats.partial_peers, "\n",                  //
                      "watchers      ", stats.watchers, "\n",                       //
                      "lease         ", shoal::FormatDuration(registry.options().lease),
                      ", a heartbeat every ",                                        //
                      shoal::FormatDuration(registry.heartbeat_interval()), "\n\n",  //
                      "/healthz      200 while the process answers\n",               //
                      "/readyz       200 while calls are taken, 503 otherwise\n",    //
                      "/metrics      counters for Prometheus\n");
}

}  // namespace

HttpServer::Routes StatusPages(const Registry* registry, Metrics* metrics, DoorMetrics* door_metrics,
                               const std::atomic<bool>* ready) {
  HttpServer::Routes routes;
  routes["/"] = [=](const HttpRequest&) {
    HttpResponse response;
    response.body = Overview(*registry, *ready);
    return response;
  };
  routes["/healthz"] = [](const HttpRequest&) {
    HttpResponse response;
    response.body = "ok\n";
    return response;
  };
  routes["/readyz"] = [=](const HttpRequest&) {
    HttpResponse response;
    response.status = *ready ? 200 : 503;
    response.body = *ready ? "ready\n" : "not taking calls\n";
    return response;
  };
  routes["/metrics"] = [=](const HttpRequest&) {
    door_metrics->Refresh();
    HttpResponse response;
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    response.body = metrics->Render();
    return response;
  };
  return routes;
}

}  // namespace shoal::tracker
