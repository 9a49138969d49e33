#include "services/seeder/folder/hash_progress.h"

#include <algorithm>

namespace shoal::seeder {

std::optional<HashProgress::Line> HashProgress::Report(const std::string& entry, uint64_t done_bytes,
                                                       uint64_t total_bytes) {
  const absl::Duration now = clock_.Uptime();
  // Fewer bytes than before: the same entry was begun anew.
  if (entry != entry_ || done_bytes < done_bytes_) {
    entry_ = entry;
    started_ = shown_ = now;
  }
  done_bytes_ = done_bytes;
  if (now - shown_ < every_ || done_bytes >= total_bytes) return std::nullopt;
  shown_ = now;
  const double seconds = absl::ToDoubleSeconds(now - started_);
  const double rate = static_cast<double>(done_bytes) / std::max(seconds, 1e-9);
  Line line;
  line.rate_bytes_per_second = rate;
  line.left = rate > 0 ? absl::Seconds(static_cast<double>(total_bytes - done_bytes) / rate)
                       : absl::InfiniteDuration();
  line.percent = static_cast<int>(100.0 * static_cast<double>(done_bytes) / static_cast<double>(total_bytes));
  return line;
}

}  // namespace shoal::seeder
