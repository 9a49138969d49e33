#include "shoal/net/rate_limit.h"

#include <algorithm>

namespace shoal::net {
namespace {

// What was not used counts for this long: enough for the loop's hiccups, too little to be seen as a burst.
constexpr double kBurstSeconds = 0.05;
constexpr double kStepSeconds = 0.02;
constexpr double kMinStepBytes = 2 * 1024;
constexpr double kMaxStepBytes = 1024 * 1024;

}  // namespace

RateLimit::RateLimit(uint64_t bytes_per_second, const Clock& clock)
    : clock_(clock), bytes_per_second_(bytes_per_second), paid_at_(clock.Uptime()) {}

void RateLimit::Set(uint64_t bytes_per_second) {
  MutexLock lock(&mutex_);
  Advance();
  bytes_per_second_.store(bytes_per_second, std::memory_order_relaxed);
}

size_t RateLimit::StepBytes() const {
  const double step = static_cast<double>(bytes_per_second()) * kStepSeconds;
  return static_cast<size_t>(std::clamp(step, kMinStepBytes, kMaxStepBytes));
}

RateLimit::Ticket RateLimit::Draw(uint64_t bytes) {
  if (!limited()) return 0;
  MutexLock lock(&mutex_);
  Advance();
  drawn_bytes_ += bytes;
  return drawn_bytes_;
}

absl::Duration RateLimit::TimeUntil(Ticket ticket) {
  if (!limited()) return absl::ZeroDuration();
  MutexLock lock(&mutex_);
  Advance();
  const double owed = static_cast<double>(ticket) - paid_bytes_;
  if (owed <= 0) return absl::ZeroDuration();
  const uint64_t rate = bytes_per_second();
  if (rate == 0) return absl::InfiniteDuration();
  return absl::Seconds(owed / static_cast<double>(rate));
}

void RateLimit::Advance() {
  const absl::Duration now = clock_.Uptime();
  const double seconds = absl::ToDoubleSeconds(now - paid_at_);
  paid_at_ = now;
  const auto drawn = static_cast<double>(drawn_bytes_);
  if (!limited()) {
    paid_bytes_ = drawn;
    return;
  }
  const auto rate = static_cast<double>(bytes_per_second());
  paid_bytes_ = std::min(paid_bytes_ + rate * seconds, drawn + rate * kBurstSeconds);
}

}  // namespace shoal::net
