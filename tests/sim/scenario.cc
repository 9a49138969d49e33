#include "tests/sim/scenario.h"

#include <algorithm>

namespace shoal::sim {

absl::Duration Scenario::FluidBound() const {
  const double content_bits = 8.0 * chunk_count * chunk_bytes;
  const double receivers = static_cast<double>(leechers) - static_cast<double>(troubles.size());
  const absl::Duration latest_join =
      late_joins.empty() ? absl::ZeroDuration() : *std::max_element(late_joins.begin(), late_joins.end());
  const absl::Duration out_once = absl::Seconds(content_bits / (seeders * seeder_up_bps));
  const absl::Duration in_once = latest_join + absl::Seconds(content_bits / down_bps);

  // All uplinks together, each from its join on: capacity(t) = up * t - what the late ones have missed.
  double missed_bits = 0;
  for (const absl::Duration join : late_joins) missed_bits += leecher_up_bps * absl::ToDoubleSeconds(join);
  const double together_bps = seeders * seeder_up_bps + receivers * leecher_up_bps;
  const absl::Duration all_copies = absl::Seconds((receivers * content_bits + missed_bits) / together_bps);
  return std::max({out_once, in_once, all_copies});
}

}  // namespace shoal::sim
