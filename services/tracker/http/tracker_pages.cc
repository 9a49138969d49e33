#include "services/tracker/http/tracker_pages.h"

#include <cstdint>
#include <utility>

#include <nlohmann/json.hpp>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/time/time.h"
#include "shoal/service/http/embedded_files.h"
#include "shoal/service/http/request_guard.h"
#include "web/pages.h"

namespace shoal::tracker {
namespace {

using nlohmann::json;

constexpr Right kToSee[] = {Right::kList};

json LimitJson(const LimitUse& limit) {
  json shown = {{"name", limit.name}, {"limit", limit.limit}, {"refused", limit.refused}};
  // What is counted for each content or swarm has no total.
  if (limit.used.has_value()) shown["used"] = *limit.used;
  if (absl::EndsWith(limit.name, "-bytes")) shown["unit"] = "bytes";
  return shown;
}

// A rate of 0 limits nothing.
json RateJson(const char* name, double per_second, uint64_t refused) {
  return {{"name", name}, {"limit", per_second}, {"refused", refused}, {"unit", "per second"}};
}

json LimitsJson(const PageSources& sources) {
  json limits = json::array();
  for (const LimitUse& limit : LimitUses(*sources.state)) limits.push_back(LimitJson(limit));
  const RateLimiter::Rates rates = sources.limiter->rates();
  limits.push_back(RateJson("rate-per-address", rates.per_source_per_second, sources.limiter->refused()));
  const RateLimiter& new_contents = sources.state->registry()->new_contents();
  limits.push_back(RateJson("new-contents-per-address", new_contents.rates().per_source_per_second,
                            new_contents.refused()));
  limits.push_back(RateJson("rate-unproven", rates.unproven_per_second, sources.limiter->refused_unproven()));
  return limits;
}

json StatusJson(const PageSources& sources, absl::Duration started) {
  const TrackerState::Stats all = sources.state->stats();
  const Registry::Stats& stats = all.registry;
  return {{"version", sources.version},
          {"ready", sources.ready->load()},
          {"uptimeSeconds", absl::ToInt64Seconds(sources.clock->Uptime() - started)},
          {"leaseSeconds", absl::ToDoubleSeconds(sources.state->registry()->options().lease)},
          {"contents", stats.contents},
          {"completeLeases", stats.complete_peers},
          {"partialLeases", stats.partial_peers},
          {"lapsedLeases", stats.lapsed_leases},
          {"bittorrentSwarms", all.bittorrent_swarms},
          {"bittorrentPeers", all.bittorrent_peers},
          {"watchers", stats.watchers},
          {"listeners",
           {{{"name", "gRPC calls"}, {"answered", sources.listener_metrics->grpc_calls()}},
            {{"name", "Datagrams"}, {"answered", sources.listener_metrics->datagrams()}}}},
          {"limits", LimitsJson(sources)}};
}

}  // namespace

service::HttpServer::Routes TrackerPages(const PageSources& sources) {
  service::HttpServer::Routes routes = service::FileRoutes(TrackerPage(), "/");
  routes["/api/status"] = [sources, started = sources.clock->Uptime()](const service::HttpRequest&) {
    return service::PageJson(StatusJson(sources, started).dump());
  };
  routes["/healthz"] = [](const service::HttpRequest&) { return service::HttpResponse{.body = "ok\n"}; };
  routes["/readyz"] = [ready = sources.ready](const service::HttpRequest&) {
    if (*ready) return service::HttpResponse{.body = "ready\n"};
    return service::HttpResponse{.status = 503, .body = "not taking calls\n"};
  };
  routes["/metrics"] = [sources](const service::HttpRequest&) {
    sources.listener_metrics->Refresh();
    return service::HttpResponse{.content_type = "text/plain; version=0.0.4; charset=utf-8",
                                 .body = sources.metrics->Render()};
  };
  return routes;
}

std::function<std::optional<service::HttpResponse>(const service::HttpRequest&)> PageGuard(
    const AccessControl* access) {
  absl::flat_hash_set<std::string> open = {"/healthz", "/readyz"};
  for (const auto& [path, file] : service::FileRoutes(TrackerPage(), "/")) open.insert(path);
  return [access,
          open = std::move(open)](const service::HttpRequest& head) -> std::optional<service::HttpResponse> {
    if (open.contains(head.path)) return std::nullopt;
    const absl::StatusOr<Access> caller = access->Of(head.Header("authorization"));
    const absl::Status admitted = caller.ok() ? caller->Need(kToSee) : caller.status();
    if (admitted.ok()) return std::nullopt;
    const bool unknown = absl::IsUnauthenticated(admitted);
    service::HttpResponse refusal = service::PageJson(json{
        {"code", unknown ? "unauthenticated" : "permission_denied"},
        {"message", std::string(admitted.message())}}.dump());
    refusal.status = unknown ? 401 : 403;
    if (unknown) refusal.headers.emplace_back("WWW-Authenticate", "Bearer");
    return refusal;
  };
}

}  // namespace shoal::tracker
