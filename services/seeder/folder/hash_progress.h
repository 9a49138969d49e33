#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "shoal/base/clock.h"

namespace shoal::seeder {

// Makes of the many reports about an entry that is being hashed the few that a person wants to read: one
// every few seconds, with the rate since the hashing began and the time that is left. One thread at a time.
class HashProgress {
 public:
  struct Line {
    double rate_bytes_per_second = 0;
    absl::Duration left;
    int percent = 0;
  };

  // `clock` must outlive it.
  HashProgress(const Clock& clock, absl::Duration every) : clock_(clock), every_(every) {}

  // A report came; the line to show, when it is time for one. What is done within the first `every` shows
  // none at all.
  std::optional<Line> Report(const std::string& entry, uint64_t done_bytes, uint64_t total_bytes);

 private:
  const Clock& clock_;
  const absl::Duration every_;
  std::string entry_;
  uint64_t done_bytes_ = 0;
  absl::Duration started_;
  absl::Duration shown_;
};

}  // namespace shoal::seeder
