#include "shoal/stream/idle_monitor.h"

#include <algorithm>

namespace shoal::stream {

absl::Duration IdleMonitor::tick() const {
  return std::max(absl::Milliseconds(1), std::min(idle_timeout_, stall_timeout_) / 6);
}

IdleMonitor::Verdict IdleMonitor::Look(absl::Duration now, const Observed& observed) {
  if (observed.received_bytes != last_.received_bytes || observed.paused) received_at_ = now;
  if (observed.sent_bytes != last_.sent_bytes) spoke_at_ = now;
  if (observed.sent_bytes != last_.sent_bytes || !observed.sending) sent_at_ = now;
  last_ = observed;
  if (now - sent_at_ >= stall_timeout_) return Verdict::kStalled;
  if (now - received_at_ >= idle_timeout_) return Verdict::kIdle;
  if (now - spoke_at_ >= idle_timeout_ / 3 && !observed.sending) return Verdict::kPing;
  return Verdict::kFine;
}

}  // namespace shoal::stream
