#include "services/tracker/http/status_page.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "shoal/base/units.h"

namespace shoal::tracker {
namespace {

constexpr char kHead[] = R"(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="5">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>Shoal tracker</title>
<style>
:root{color-scheme:light dark;--bg:#f5f7f9;--card:#fff;--ink:#17212b;--soft:#63717f;--line:#e1e7ec;--sea:#0b7a8f;--good:#13805a;--bad:#b3382c}
@media(prefers-color-scheme:dark){:root{--bg:#0f161c;--card:#18222b;--ink:#e6edf2;--soft:#8fa0ae;--line:#27343f;--sea:#4fc0d4;--good:#4cc38a;--bad:#ef7a6d}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.45 system-ui,sans-serif}
main{max-width:1080px;margin:0 auto;padding:28px 20px 48px}
header{display:flex;flex-wrap:wrap;align-items:baseline;gap:6px 14px;margin-bottom:22px}
h1{font-size:24px;margin:0;letter-spacing:-.01em}
h2{font-size:13px;margin:30px 0 8px;color:var(--soft);font-weight:600;text-transform:uppercase;letter-spacing:.06em}
.state{font-weight:600;font-size:13px;padding:1px 10px;border-radius:99px;border:1px solid currentColor}
.good{color:var(--good)}.bad{color:var(--bad)}.soft{color:var(--soft)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px}
.tile,.box{background:var(--card);border:1px solid var(--line);border-radius:10px}
.tile{padding:14px 16px}
.tile b{display:block;font-size:26px;font-weight:650;letter-spacing:-.02em;font-variant-numeric:tabular-nums}
.tile span{color:var(--soft);font-size:13px}
.two{display:grid;grid-template-columns:minmax(0,2fr) minmax(0,3fr);gap:0 20px;align-items:start}
@media(max-width:820px){.two{grid-template-columns:minmax(0,1fr)}}
.box{overflow-x:auto}
table{width:100%;border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{padding:8px 14px;text-align:right;white-space:nowrap;border-bottom:1px solid var(--line)}
tr:last-child td{border-bottom:0}
th{font-weight:600;font-size:12px;color:var(--soft)}
th:first-child,td:first-child{text-align:left}
td.name{max-width:380px;overflow:hidden;text-overflow:ellipsis}
code{font:12.5px ui-monospace,monospace;color:var(--soft)}
.bar{display:inline-block;width:74px;height:6px;border-radius:3px;background:var(--line);overflow:hidden;vertical-align:middle;margin-left:10px}
.bar i{display:block;height:100%;background:var(--sea)}.bar i.full{background:var(--bad)}
a{color:var(--sea);text-decoration:none}a:hover{text-decoration:underline}
nav{display:flex;gap:18px;margin-top:10px}
footer{margin-top:34px;color:var(--soft);font-size:13px}
</style></head><body><main>
)";

std::string Escaped(absl::string_view text) {
  return absl::StrReplaceAll(
      text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}, {"'", "&#39;"}});
}

// 1234567 as "1,234,567".
std::string Grouped(uint64_t number) {
  std::string digits = absl::StrCat(number);
  for (size_t at = digits.size(); at > 3;) digits.insert(at -= 3, ",");
  return digits;
}

std::string Tile(const std::string& value, absl::string_view what) {
  return absl::StrCat("<div class=tile><b>", value, "</b><span>", what, "</span></div>");
}

std::string Bar(uint64_t used, uint64_t limit) {
  const double share =
      limit == 0 ? 1.0 : std::min(1.0, static_cast<double>(used) / static_cast<double>(limit));
  return absl::StrFormat("<span class=bar><i%s style=\"width:%.1f%%\"></i></span>",
                         share > 0.9 ? " class=full" : "", share * 100);
}

std::string Amount(const LimitUse& limit, uint64_t value) {
  return absl::EndsWith(limit.name, "-bytes") ? FormatBytes(value) : Grouped(value);
}

void AppendHeader(const StatusView& view, std::string* out) {
  absl::StrAppend(out, "<header><h1>Shoal tracker</h1>",
                  view.ready ? "<span class=\"state good\">taking calls</span>"
                             : "<span class=\"state bad\">not taking calls</span>",
                  "<span class=soft>", Escaped(view.version), " &middot; up ",
                  shoal::FormatDuration(view.uptime), " &middot; lease ", shoal::FormatDuration(view.lease),
                  "</span></header>\n<div class=tiles>", Tile(Grouped(view.contents), "contents"),
                  Tile(Grouped(view.seeders), "seeders"), Tile(Grouped(view.leechers), "leechers"),
                  Tile(Grouped(view.swarms), "BitTorrent swarms"),
                  Tile(Grouped(view.swarm_peers), "BitTorrent peers"),
                  Tile(Grouped(view.watchers), "watchers"), "</div>\n");
}

void AppendListenersAndLimits(const StatusView& view, std::string* out) {
  absl::StrAppend(out,
                  "<div class=two><section><h2>Listeners</h2><div class=box><table>"
                  "<tr><th>listener<th>answered<th>per second</tr>");
  for (const StatusView::Listener& listener : view.listeners) {
    absl::StrAppend(out, "<tr><td>", Escaped(listener.name), "<td>", Grouped(listener.answered), "<td>",
                    absl::StrFormat("%.1f", listener.per_second), "</tr>");
  }
  absl::StrAppend(out, "</table></div><h2>Rates</h2><div class=box><table>");
  for (const StatusView::Rate& rate : view.rates) {
    absl::StrAppend(out, "<tr><td>", Escaped(rate.name), "<td>", Escaped(rate.value), "</tr>");
  }
  absl::StrAppend(out,
                  "</table></div></section><section><h2>Limits</h2><div class=box><table>"
                  "<tr><th>limit<th>in use<th>of<th>refused</tr>");
  for (const LimitUse& limit : view.limits) {
    const bool counted = limit.used > 0 || !absl::StrContains(limit.name, "-per-");
    absl::StrAppend(out, "<tr><td>", limit.name, "<td>",
                    counted ? Amount(limit, limit.used) + Bar(limit.used, limit.limit) : "", "<td>",
                    Amount(limit, limit.limit), "<td", limit.refused > 0 ? " class=bad>" : ">",
                    Grouped(limit.refused), "</tr>");
  }
  absl::StrAppend(out, "</table></div></section></div>\n");
}

void AppendContents(const StatusView& view, std::string* out) {
  absl::StrAppend(out,
                  "<h2>Contents</h2><div class=box><table><tr><th>name<th>id<th>size<th>chunks<th>seeders"
                  "<th>leechers<th>first seen</tr>");
  if (view.page.empty()) absl::StrAppend(out, "<tr><td class=soft colspan=7>None has a peer.</tr>");
  for (const tracking::ContentStatus& content : view.page) {
    const tracking::ContentSummary& summary = content.summary;
    absl::StrAppend(out, "<tr><td class=name>", Escaped(summary.name), "<td><code>",
                    summary.id.ToHex().substr(0, 12), "</code><td>", FormatBytes(summary.length_bytes),
                    "<td>", Grouped(summary.chunk_count), "<td", content.seeders == 0 ? " class=bad>" : ">",
                    Grouped(content.seeders), "<td>", Grouped(content.leechers), "<td class=soft>",
                    shoal::FormatDuration(absl::Floor(view.now - content.first_seen, absl::Seconds(1))),
                    " ago</tr>");
  }
  absl::StrAppend(out, "</table></div><nav>");
  if (!view.first_page) absl::StrAppend(out, "<a href=\"/\">&larr; first page</a>");
  if (!view.next_page.empty()) {
    absl::StrAppend(out, "<a href=\"/?", Escaped(view.next_page), "\">next page &rarr;</a>");
  }
  absl::StrAppend(out, "</nav>\n");
}

constexpr uint32_t kContentsPerPage = 50;
// Rates are over the time since the page was last asked for, but at least over this.
constexpr absl::Duration kMinSpan = absl::Seconds(1);
constexpr absl::string_view kAfter = "after=";

// Computes rates from the counts at an earlier request for the page. For one thread.
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

// Adds the page that the query asks for; the first page for a malformed query.
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
  view.listeners = {{"gRPC calls", grpc, rates.grpc}, {"datagrams", datagrams, rates.datagrams}};
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

std::string StatusPageHtml(const StatusView& view) {
  std::string out = kHead;
  AppendHeader(view, &out);
  AppendListenersAndLimits(view, &out);
  AppendContents(view, &out);
  absl::StrAppend(&out, "<footer><a href=\"/metrics\">/metrics</a> for Prometheus &middot; ",
                  "<a href=\"/healthz\">/healthz</a> &middot; <a href=\"/readyz\">/readyz</a> &middot; ",
                  absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", view.now, absl::UTCTimeZone()),
                  "</footer></main></body></html>\n");
  return out;
}

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
