#pragma once

#include <memory>
#include <string>

#include "clients/leecher/agent/agent.h"

namespace shoal::leecher {

// The metrics that an agent has besides those of every leecher, for Prometheus (shoal_agent_...): its
// downloads by state, failures, disk and trackers. The number of series does not depend on the number of
// downloads.
//
// Thread safety: one thread.
class AgentMetrics {
 public:
  AgentMetrics();
  ~AgentMetrics();

  // Returns what `GET /metrics` shows of `totals`. Requires: `failures` never decreases from call to call.
  std::string Render(const AgentTotals& totals);

 private:
  struct Families;
  const std::unique_ptr<Families> families_;
};

}  // namespace shoal::leecher
