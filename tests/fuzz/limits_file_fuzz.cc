// The limits file of a tracker: what it sets can be written down, and set again to the same.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "services/tracker/tracker_limits.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(data, data + size);
  const auto limits = shoal::tracker::ParseLimits(text, {});
  if (!limits.ok()) {
    if (limits.status().message().empty()) std::abort();
    return 0;
  }
  shoal::tracker::TrackerLimits again;
  for (const shoal::tracker::LimitName& limit : shoal::tracker::LimitNames()) {
    const std::string value = shoal::tracker::LimitText(limit.name, *limits);
    if (!shoal::tracker::SetLimit(limit.name, value, &again).ok()) std::abort();
    if (shoal::tracker::LimitText(limit.name, again) != value) std::abort();
  }
  return 0;
}
