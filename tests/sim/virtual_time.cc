#include "tests/sim/virtual_time.h"

#include <algorithm>
#include <utility>

namespace shoal::sim {

void VirtualTime::At(absl::Duration when, std::function<void()> happen) {
  heap_.push_back({std::max(when, now_), next_number_++, std::move(happen)});
  std::push_heap(heap_.begin(), heap_.end(), IsLater);
}

bool VirtualTime::Step(absl::Duration end) {
  if (heap_.empty() || heap_.front().when > end) return false;
  std::pop_heap(heap_.begin(), heap_.end(), IsLater);
  const Event event = std::move(heap_.back());
  heap_.pop_back();
  now_ = event.when;
  ++events_;
  event.happen();
  return true;
}

}  // namespace shoal::sim
