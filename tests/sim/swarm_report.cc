#include "tests/sim/swarm_report.h"

#include <algorithm>

#include "absl/strings/str_format.h"

namespace shoal::sim {

std::string SwarmReport::ToString() const {
  return absl::StrFormat("last %.3f mean %.3f of %.1f s, seeder sent %.3f, wasted %.1f %%, %u of %u done",
                         LastRatio(), MeanRatio(), absl::ToDoubleSeconds(bound), seeder_copies, 100 * wasted,
                         finished, leechers);
}

std::string SwarmReport::PeriodsToString() const {
  std::string lines =
      "  part of bound  seeder's uplink  leechers' uplinks  leechers idle  idle and could help\n";
  for (size_t i = 0; i < periods.size(); ++i) {
    const Period& period = periods[i];
    absl::StrAppendFormat(&lines, "  %13.2f %14.0f %% %16.0f %% %12.0f %% %18.0f %%\n",
                          0.05 * static_cast<double>(i + 1), 100 * period.seeder_use,
                          100 * period.leechers_use, 100 * period.idle, 100 * period.could_help);
  }
  return lines;
}

std::string SwarmReport::SeeksToString() const {
  if (seeks.empty()) return "no seeks";
  std::vector<double> waits;
  std::vector<double> stalls;
  for (const Player::Seek& seek : seeks) {
    waits.push_back(absl::ToDoubleSeconds(seek.wait));
    stalls.push_back(absl::ToDoubleSeconds(seek.stall));
  }
  std::sort(waits.begin(), waits.end());
  std::sort(stalls.begin(), stalls.end());
  const size_t late = static_cast<size_t>(stalls.end() - std::upper_bound(stalls.begin(), stalls.end(), 1.0));
  return absl::StrFormat(
      "%u seeks: first chunk after %.3f s (median), %.3f s (worst); longest stall %.3f s, %u over 1 s",
      seeks.size(), waits[waits.size() / 2], waits.back(), stalls.back(), late);
}

}  // namespace shoal::sim
