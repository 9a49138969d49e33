#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "services/tracker/metrics/listener_metrics.h"
#include "shoal/tracking/messages/messages.h"

namespace shoal::tracker {

// What the page shows.
struct StatusView {
  struct Door {
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
  std::vector<Door> doors;
  std::vector<LimitUse> limits;
  std::vector<Rate> rates;
  std::vector<tracking::ContentStatus> page;  // of contents
  std::string next_page;                      // the query of the next page; empty: this is the last
  bool first_page = true;
};

// The tracker's page for people: one HTML document with its style inside, no script, nothing fetched from
// elsewhere; it asks for itself again every few seconds. Names come from strangers and are escaped. Pure.
std::string StatusPageHtml(const StatusView& view);

}  // namespace shoal::tracker
