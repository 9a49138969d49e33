#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "absl/time/time.h"

namespace shoal {

// Bytes per second over the last few seconds: a ring of short buckets, so that adding costs nothing and old
// bytes leave by themselves. `now` is Clock::Uptime() and never goes back. One thread.
class RateMeter {
 public:
  static constexpr absl::Duration kBucket = absl::Milliseconds(100);
  static constexpr int64_t kBuckets = 30;

  explicit RateMeter(absl::Duration now) : start_(now), newest_(now / kBucket) {}

  void Add(absl::Duration now, uint64_t bytes) {
    Turn(now);
    buckets_[static_cast<size_t>(newest_ % kBuckets)] += bytes;
    sum_ += bytes;
  }

  // Over the whole window, or the meter's age while that is shorter (but never less than one bucket, so that
  // the first bytes do not look like a flood).
  double BytesPerSecond(absl::Duration now) {
    Turn(now);
    const absl::Duration span = std::clamp(now - start_, kBucket, kBucket * kBuckets);
    return static_cast<double>(sum_) / absl::ToDoubleSeconds(span);
  }

 private:
  void Turn(absl::Duration now) {
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
