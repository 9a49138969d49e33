#pragma once

#include <cstddef>
#include <span>

namespace shoal::leecher {

// Deals out requests one at a time, round and round over the takers, until nobody takes any more. It goes on
// where it left off, so that takers with equal credit get equal shares whatever their order. One thread.
class RequestRotation {
 public:
  // `take(taker)` gives one request to `taker`; false when it has no credit left or nothing fits it. The deal
  // is over when all takers in a row said so.
  template <typename Taker, typename Take>
  void Deal(std::span<Taker> takers, Take take) {
    const size_t count = takers.size();
    if (count == 0) return;
    size_t refusals = 0;
    for (size_t at = next_ % count; refusals < count; at = (at + 1) % count) {
      if (take(takers[at])) {
        refusals = 0;
        next_ = at + 1;
      } else {
        ++refusals;
      }
    }
  }

 private:
  size_t next_ = 0;
};

}  // namespace shoal::leecher
