#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "absl/time/time.h"

namespace shoal {

// Measures bytes per second over the last kBuckets * kBucket (three seconds). A ring of short buckets, so
// that Add takes constant time and old bytes drop out without a timer.
//
// Requires: `now`, which is Clock::Uptime(), never decreases from call to call. Thread safety: one thread.
class RateMeter {
 public:
  static constexpr absl::Duration kBucket = absl::Milliseconds(100);
  static constexpr int64_t kBuckets = 30;

  explicit RateMeter(absl::Duration now) : start_(now), newest_(now / kBucket) {}

  void Add(absl::Duration now, uint64_t bytes) {
    AdvanceTo(now);
    buckets_[static_cast<size_t>(newest_ % kBuckets)] += bytes;
    sum_ += bytes;
  }

  // Returns the mean over the window, or over the age of the meter while that is shorter. One bucket is the
  // shortest divisor, so that the first bytes do not yield an absurd rate.
  double BytesPerSecond(absl::Duration now) {
    AdvanceTo(now);
    const absl::Duration span = std::clamp(now - start_, kBucket, kBucket * kBuckets);
    return static_cast<double>(sum_) / absl::ToDoubleSeconds(span);
  }

 private:
  void AdvanceTo(absl::Duration now) {
    const int64_t current = now / kBucket;
    if (current - newest_ >= kBuckets) {
      buckets_.fill(0);
      sum_ = 0;
      newest_ = current;
    }
    while (newest_ < current) {
      uint64_t& oldest = buckets_[static_cast<size_t>(++newest_ % kBuckets)];
      sum_ -= oldest;
      oldest = 0;
    }
  }

  const absl::Duration start_;
  int64_t newest_;  // number of the bucket that is being filled
  uint64_t sum_ = 0;
  std::array<uint64_t, kBuckets> buckets_{};
};

}  // namespace shoal
