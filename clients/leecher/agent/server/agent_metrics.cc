#include "clients/leecher/agent/server/agent_metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <algorithm>
#include <array>

#include "shoal/service/metrics/metrics.h"

namespace shoal::leecher {
namespace {

using prometheus::Counter;
using prometheus::Family;
using prometheus::Gauge;

// In the order of AgentDownload::State.
constexpr std::array kStateLabels = {"finding", "fetching", "finishing", "complete", "failed", "verifying"};
static_assert(kStateLabels.size() == AgentDownload::kStates);

}  // namespace

struct AgentMetrics::Families {
  Families() {
    for (size_t i = 0; i < kStateLabels.size(); ++i) {
      in_state[i] = &downloads.Add({{"state", kStateLabels[i]}});
    }
  }

  Family<Gauge>& GaugeFamily(const char* name, const char* help) {
    return prometheus::BuildGauge().Name(name).Help(help).Register(metrics.registry());
  }

  service::Metrics metrics;
  Family<Gauge>& downloads = GaugeFamily("shoal_agent_downloads", "Downloads, by their state.");
  std::array<Gauge*, AgentDownload::kStates> in_state{};
  Gauge& paused = downloads.Add({{"state", "paused"}});
  Counter& failures = prometheus::BuildCounter()
                          .Name("shoal_agent_failures_total")
                          .Help("Downloads that failed; one that is tried again counts each time.")
                          .Register(metrics.registry())
                          .Add({});
  Gauge& peers = GaugeFamily("shoal_agent_peers", "Peers that downloads are connected to now.").Add({});
  Gauge& disk_used =
      GaugeFamily("shoal_agent_disk_used_bytes", "Bytes that downloads hold on the disk.").Add({});
  Gauge& disk_budget =
      GaugeFamily("shoal_agent_disk_budget_bytes", "The disk budget; 0: there is none.").Add({});
  Gauge& no_room = GaugeFamily("shoal_agent_no_room",
                               "Followed contents that the disk, or its budget, has no room for now.")
                       .Add({});
  Gauge& trackers = GaugeFamily("shoal_agent_trackers", "Trackers that this agent uses.").Add({});
  Gauge& trackers_away = GaugeFamily("shoal_agent_trackers_away", "Trackers that do not answer now.").Add({});
};

AgentMetrics::AgentMetrics() : families_(std::make_unique<Families>()) {}

AgentMetrics::~AgentMetrics() = default;

std::string AgentMetrics::Render(const AgentTotals& totals) {
  Families& families = *families_;
  for (size_t i = 0; i < totals.in_state.size(); ++i) families.in_state[i]->Set(totals.in_state[i]);
  families.paused.Set(totals.paused);
  families.failures.Increment(static_cast<double>(totals.failures) - families.failures.Value());
  families.peers.Set(totals.peers);
  families.disk_used.Set(static_cast<double>(totals.disk_used_bytes));
  families.disk_budget.Set(static_cast<double>(totals.disk_budget_bytes));
  families.no_room.Set(totals.no_room);
  families.trackers.Set(static_cast<double>(totals.trackers.size()));
  families.trackers_away.Set(
      static_cast<double>(std::count_if(totals.trackers.begin(), totals.trackers.end(),
                                        [](const auto& tracker) { return !tracker.failure.empty(); })));
  return families.metrics.Render();
}

}  // namespace shoal::leecher
