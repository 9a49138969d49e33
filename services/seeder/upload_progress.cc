#include "services/seeder/upload_progress.h"

#include <utility>

namespace shoal::seeder {

tracking::Announcer::ProgressSource UploadProgress(std::shared_ptr<const OfferedSource> source,
                                                   std::function<uint32_t()> free_slots, const Clock& clock) {
  struct Last {
    absl::Duration when;
    uint64_t sent_bytes;
  };
  // Shared, since copies of the function are one and the same teller.
  auto last = std::make_shared<Last>(Last{clock.Uptime(), source->opened_bytes()});
  return [source = std::move(source), free_slots = std::move(free_slots), &clock, last] {
    tracking::Announcer::Progress progress;
    progress.held = source->Held();
    progress.free_slots = free_slots();
    progress.sent_bytes = source->opened_bytes();
    const absl::Duration now = clock.Uptime();
    const double seconds = absl::ToDoubleSeconds(now - last->when);
    if (seconds > 0) {
      progress.send_rate_bytes_per_second =
          static_cast<uint64_t>(static_cast<double>(progress.sent_bytes - last->sent_bytes) / seconds);
    }
    *last = {now, progress.sent_bytes};
    return progress;
  };
}

}  // namespace shoal::seeder
