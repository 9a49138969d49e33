#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "shoal/base/clock.h"

namespace shoal::seeder {

// Reduces the frequent progress reports of hashing to the few lines that an operator wants in the log: one
// per interval, with the average rate and the remaining time. Counts the bytes.
//
// Thread safety: one thread at a time calls Report; hashed_bytes is thread-safe.
class HashProgress {
 public:
  struct Line {
    double rate_bytes_per_second = 0;  // since hashing of the entry began
    absl::Duration left;               // infinite while nothing is done
    int percent = 0;
  };

  // Requires: `clock` outlives this. `every`: the minimum time between two lines.
  HashProgress(const Clock& clock, absl::Duration every) : clock_(clock), every_(every) {}

  // Takes a report about `entry`. A report about another entry, or with fewer bytes than before, starts anew.
  // Returns: the line to log if one is due. An entry that is hashed within the first interval has none.
  std::optional<Line> Report(const std::string& entry, uint64_t done_bytes, uint64_t total_bytes) {
    const absl::Duration now = clock_.Uptime();
    if (entry != entry_ || done_bytes < done_bytes_) {
      entry_ = entry;
      started_ = shown_ = now;
      done_bytes_ = 0;
    }
    hashed_bytes_.fetch_add(done_bytes - done_bytes_, std::memory_order_relaxed);
    done_bytes_ = done_bytes;
    if (now - shown_ < every_ || done_bytes >= total_bytes) return std::nullopt;
    shown_ = now;
    const double done = static_cast<double>(done_bytes);
    Line line;
    line.rate_bytes_per_second = done / std::max(absl::ToDoubleSeconds(now - started_), 1e-9);
    line.left =
        done_bytes > 0
            ? absl::Seconds(static_cast<double>(total_bytes - done_bytes) / line.rate_bytes_per_second)
            : absl::InfiniteDuration();
    line.percent = static_cast<int>(100.0 * done / static_cast<double>(total_bytes));
    return line;
  }

  // Of all reports together.
  uint64_t hashed_bytes() const { return hashed_bytes_.load(std::memory_order_relaxed); }

 private:
  const Clock& clock_;
  const absl::Duration every_;
  std::string entry_;
  uint64_t done_bytes_ = 0;
  std::atomic<uint64_t> hashed_bytes_ = 0;
  absl::Duration started_;
  absl::Duration shown_;
};

}  // namespace shoal::seeder
