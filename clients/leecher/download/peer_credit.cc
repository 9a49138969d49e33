#include "clients/leecher/download/peer_credit.h"

#include <algorithm>
#include <cmath>

namespace shoal::leecher {
namespace {

constexpr absl::Duration kBenefitOfDoubt = absl::Milliseconds(500);

}  // namespace

PeerCredit::PeerCredit(const CreditLimits& limits, uint32_t chunk_bytes, bool on_probation,
                       absl::Duration now)
    : limits_(limits),
      chunk_bytes_(chunk_bytes),
      rate_(now),
      window_(on_probation ? 1 : std::min(limits.start_window, limits.max_window)),
      last_sign_(now),
      service_start_(now) {}

void PeerCredit::Asked(absl::Duration now) {
  if (owed_++ == 0) {
    last_sign_ = now;
    service_start_ = now;
  }
}

void PeerCredit::Progress(absl::Duration now, uint64_t bytes) {
  rate_.Add(now, bytes);
  last_sign_ = now;
}

void PeerCredit::Arrived(absl::Duration now) {
  if (owed_ > 0) --owed_;
  const absl::Duration took = now - service_start_;
  service_start_ = now;
  last_sign_ = now;
  if (!timed_) {
    timed_ = true;
    smoothed_ = took;
    deviation_ = took / 2;
  } else {
    deviation_ = deviation_ * 0.75 + absl::AbsDuration(smoothed_ - took) * 0.25;
    smoothed_ = smoothed_ * 0.875 + took * 0.125;
  }
  const double fills = rate_.BytesPerSecond(now) * absl::ToDoubleSeconds(limits_.depth) / chunk_bytes_;
  const double most =
      std::clamp(std::ceil(fills), double{1} * limits_.min_window, double{1} * limits_.max_window);
  window_ = std::min(window_ + 1, static_cast<uint32_t>(most));
}

void PeerCredit::Withdrawn() {
  if (owed_ > 0) --owed_;
}

void PeerCredit::Overasked() {
  window_ = std::max<uint32_t>(1, window_ / 2);
}

absl::Duration PeerCredit::TimeToDrain(absl::Duration now) {
  if (owed_ == 0) return absl::ZeroDuration();
  const double rate = rate_.BytesPerSecond(now);
  // Just asked: nothing can be said against it yet.
  if (rate <= 0) return now - last_sign_ < kBenefitOfDoubt ? absl::ZeroDuration() : absl::InfiniteDuration();
  return absl::Seconds(double{1} * owed_ * chunk_bytes_ / rate);
}

absl::Duration PeerCredit::Patience(bool patient) const {
  if (patient) return limits_.max_silence;
  if (!timed_) return limits_.first_silence;
  return std::clamp(smoothed_ + 4 * deviation_, limits_.min_silence, limits_.max_silence);
}

bool PeerCredit::Frozen(absl::Duration now, bool patient) const {
  return owed_ > 0 && now - last_sign_ > Patience(patient);
}

}  // namespace shoal::leecher
