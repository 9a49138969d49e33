#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "services/tracker/limits/rate_limiter.h"
#include "services/tracker/metrics/listener_metrics.h"
#include "services/tracker/state/tracker_state.h"
#include "shoal/base/clock.h"
#include "shoal/service/http/http_server.h"
#include "shoal/service/metrics/metrics.h"
#include "shoal/tracking/messages/messages.h"

namespace shoal::tracker {

// The values that the page shows.
struct StatusView {
  struct Listener {
    std::string name;  // "gRPC"
    uint64_t answered = 0;
    double per_second = 0;
  };
  struct Rate {
    std::string name;
    std::string value;
  };

  std::string version;
  bool ready = false;
  absl::Time now;
  absl::Duration uptime;
  absl::Duration lease;
  uint64_t contents = 0;
  uint64_t seeders = 0;
  uint64_t leechers = 0;
  uint64_t swarms = 0;  // of BitTorrent
  uint64_t swarm_peers = 0;
  uint64_t watchers = 0;
  std::vector<Listener> listeners;
  std::vector<LimitUse> limits;
  std::vector<Rate> rates;
  std::vector<tracking::ContentStatus> page;  // of contents
  std::string next_page;                      // the query of the next page; empty: this is the last
  bool first_page = true;
};

// The tracker's page for people: one HTML document with its style inline, no script, and nothing fetched from
// elsewhere; it reloads itself every few seconds. Escapes names, which come from strangers. Pure.
std::string StatusPageHtml(const StatusView& view);

// Where the HTTP listener gets its values from. Requires: all outlive the server.
struct StatusSources {
  TrackerState* state;
  service::Metrics* metrics;
  ListenerMetrics* listener_metrics;
  const RateLimiter* limiter;
  const Clock* clock;
  const std::atomic<bool>* ready;
  std::string version;
};

// The HTTP listener's routes: "/" (the page), "/healthz" (200 as long as the process answers), "/readyz" (503
// when the tracker takes no calls: it is starting or draining) and "/metrics".
service::HttpServer::Routes StatusPages(const StatusSources& sources);

}  // namespace shoal::tracker
