#include "services/tracker/http/status_pages.h"

#include <memory>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "services/tracker/http/status_page.h"

namespace shoal::tracker {
namespace {

constexpr uint32_t kContentsPerPage = 50;
// Rates are of the time since the last look, but never of a shorter one than this.
constexpr absl::Duration kMinSpan = absl::Seconds(1);
constexpr absl::string_view kAfter = "after=";

// What was counted at an earlier look at the page, to say how much comes a second. One thread.
class SeenBefore {
 public:
  SeenBefore(absl::Duration now, uint64_t grpc, uint64_t datagrams) : then_{now, grpc, datagrams} {}

  struct PerSecond {
    double grpc = 0;
    double datagrams = 0;
  };
  PerSecond Look(absl::Duration now, uint64_t grpc, uint64_t datagrams) {
    const absl::Duration span = now - then_.at;
    if (span < kMinSpan) return last_;
    const double seconds = absl::ToDoubleSeconds(span);
    last_ = {static_cast<double>(grpc - then_.grpc) / seconds,
             static_cast<double>(datagrams - then_.datagrams) / seconds};
    then_ = {now, grpc, datagrams};
    return last_;
  }

 private:
  struct Counts {
    absl::Duration at;
    uint64_t grpc;
    uint64_t datagrams;
  };
  Counts then_;
  PerSecond last_;
};

std::string RateText(double per_second) {
  return per_second <= 0 ? "no limit" : absl::StrFormat("%g a second", per_second);
}

// The page that the query asks for; the first when it makes no sense.
void FillPage(const std::string& query, TrackerState* state, StatusView* view) {
  tracking::ListContentsRequest request;
  request.page_size = kContentsPerPage;
  absl::string_view token = query;
  if (absl::ConsumePrefix(&token, kAfter)) request.page_token = absl::HexStringToBytes(token);
  auto contents = state->ListContents(request);
  view->first_page = request.page_token.empty() || !contents.ok();
  if (!contents.ok()) {
    request.page_token.clear();
    contents = state->ListContents(request);
  }
  if (!contents.ok()) return;
  view->page = std::move(contents->contents);
  if (!contents->next_page_token.empty()) {
    view->next_page = absl::StrCat(kAfter, absl::BytesToHexString(contents->next_page_token));
  }
}

StatusView Look(const StatusSources& sources, absl::Duration started, const std::string& query,
                SeenBefore* seen) {
  StatusView view;
  const TrackerState::Stats all = sources.state->stats();
  const Registry::Stats& stats = all.registry;
  const absl::Duration now = sources.clock->Uptime();
  view.version = sources.version;
  view.ready = *sources.ready;
  view.now = sources.clock->Now();
  view.uptime = absl::Floor(now - started, absl::Seconds(1));
  view.lease = sources.state->registry()->options().lease;
  view.contents = stats.contents;
  view.seeders = stats.complete_peers;
  view.leechers = stats.partial_peers;
  view.swarms = all.bittorrent_swarms;
  view.swarm_peers = all.bittorrent_peers;
  view.watchers = stats.watchers;
  const uint64_t grpc = sources.listener_metrics->grpc_calls();
  const uint64_t datagrams = sources.listener_metrics->datagrams();
  const SeenBefore::PerSecond rates = seen->Look(now, grpc, datagrams);
  view.doors = {{"gRPC calls", grpc, rates.grpc}, {"datagrams", datagrams, rates.datagrams}};
  view.limits = LimitUses(*sources.state);
  const RateLimiter::Rates limits = sources.limiter->rates();
  view.rates = {{"each address", RateText(limits.per_source_per_second)},
                {"at once", absl::StrFormat("%g", limits.per_source_burst)},
                {"refused to addresses", absl::StrCat(sources.limiter->refused())},
                {"cookies to the unproven", RateText(limits.unproven_per_second)},
                {"refused to the unproven", absl::StrCat(sources.limiter->refused_unproven())}};
  FillPage(query, sources.state, &view);
  return view;
}

}  // namespace

service::HttpServer::Routes StatusPages(const StatusSources& sources) {
  service::HttpServer::Routes routes;
  const absl::Duration started = sources.clock->Uptime();
  // Handlers run on the server's one thread.
  routes["/"] = [sources, started,
                 seen = std::make_shared<SeenBefore>(started, 0, 0)](const service::HttpRequest& request) {
    service::HttpResponse response;
    response.content_type = "text/html; charset=utf-8";
    response.body = StatusPageHtml(Look(sources, started, request.query, seen.get()));
    return response;
  };
  routes["/healthz"] = [](const service::HttpRequest&) {
    service::HttpResponse response;
    response.body = "ok\n";
    return response;
  };
  routes["/readyz"] = [ready = sources.ready](const service::HttpRequest&) {
    service::HttpResponse response;
    response.status = *ready ? 200 : 503;
    response.body = *ready ? "ready\n" : "not taking calls\n";
    return response;
  };
  routes["/metrics"] = [sources](const service::HttpRequest&) {
    sources.listener_metrics->Refresh();
    service::HttpResponse response;
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    response.body = sources.metrics->Render();
    return response;
  };
  return routes;
}

}  // namespace shoal::tracker
