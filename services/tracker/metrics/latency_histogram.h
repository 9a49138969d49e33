#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"

namespace shoal::tracker {

// Durations of calls, in buckets for Prometheus. Recording takes two relaxed additions: every call records,
// and reading is rare. Thread-safe.
class LatencyHistogram {
 public:
  // The upper bounds of all buckets but the last, which has none.
  static constexpr std::array<int64_t, 14> kBoundsMicroseconds = {
      5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10'000, 50'000, 250'000, 1'000'000};
  static constexpr size_t kBuckets = kBoundsMicroseconds.size() + 1;

  void Record(absl::Duration took, uint64_t calls = 1) {
    const int64_t nanoseconds = absl::ToInt64Nanoseconds(took);
    size_t bucket = 0;
    while (bucket < kBoundsMicroseconds.size() && nanoseconds > kBoundsMicroseconds[bucket] * 1000) ++bucket;
    counts_[bucket].fetch_add(calls, std::memory_order_relaxed);
    nanoseconds_.fetch_add(static_cast<uint64_t>(nanoseconds) * calls, std::memory_order_relaxed);
  }

  struct Snapshot {
    std::array<uint64_t, kBuckets> counts{};
    uint64_t nanoseconds = 0;  // of all calls together

    uint64_t calls() const {
      uint64_t all = 0;
      for (const uint64_t count : counts) all += count;
      return all;
    }
  };
  Snapshot Read() const {
    Snapshot snapshot;
    for (size_t i = 0; i < kBuckets; ++i) snapshot.counts[i] = counts_[i].load(std::memory_order_relaxed);
    snapshot.nanoseconds = nanoseconds_.load(std::memory_order_relaxed);
    return snapshot;
  }

 private:
  std::array<std::atomic<uint64_t>, kBuckets> counts_{};
  std::atomic<uint64_t> nanoseconds_{0};
};

}  // namespace shoal::tracker
