#include "clients/leecher/download/policy/peer_credit.h"

#include <algorithm>

namespace shoal::leecher {

PeerCredit::PeerCredit(const CreditLimits& limits, bool on_probation, absl::Duration now)
    : limits_(limits),
      rate_(now),
      window_bytes_(on_probation ? 1 : std::min(limits.start_bytes, limits.max_bytes)),
      last_sign_(now),
      service_start_(now) {}

void PeerCredit::Asked(absl::Duration now, uint64_t bytes) {
  if (owed_bytes_ == 0) {
    last_sign_ = now;
    service_start_ = now;
    awaits_first_byte_ = true;
  }
  owed_bytes_ += bytes;
}

void PeerCredit::Progress(absl::Duration now, uint64_t bytes) {
  if (awaits_first_byte_) {
    awaits_first_byte_ = false;
    NoteRoundTrip(now - service_start_);
  }
  rate_.Add(now, bytes);
  last_sign_ = now;
  owed_bytes_ -= std::min(owed_bytes_, bytes);
  const absl::Duration covered = 2 * std::min(round_trip_, limits_.max_round_trip) + limits_.margin;
  const double most = rate_.BytesPerSecond(now) * absl::ToDoubleSeconds(covered);
  window_bytes_ = std::clamp<uint64_t>(static_cast<uint64_t>(most), 1,
                                       std::min(window_bytes_ + bytes, limits_.max_bytes));
}

void PeerCredit::Arrived(absl::Duration now) {
  NoteTimeBetween(now - service_start_);
  service_start_ = now;
  last_sign_ = now;
}

void PeerCredit::Withdrawn(uint64_t bytes) {
  owed_bytes_ -= std::min(owed_bytes_, bytes);
  if (owed_bytes_ == 0) awaits_first_byte_ = false;
}

void PeerCredit::Overasked() {
  window_bytes_ = std::max<uint64_t>(1, window_bytes_ / 2);
}

void PeerCredit::NoteRoundTrip(absl::Duration sample) {
  if (round_trip_ == absl::ZeroDuration() || sample < round_trip_) {
    round_trip_ = sample;
  } else {
    round_trip_ += (sample - round_trip_) / 16;
  }
}

void PeerCredit::NoteTimeBetween(absl::Duration took) {
  if (!timed_) {
    timed_ = true;
    smoothed_ = took;
    deviation_ = took / 2;
    return;
  }
  deviation_ = deviation_ * 0.75 + absl::AbsDuration(smoothed_ - took) * 0.25;
  smoothed_ = smoothed_ * 0.875 + took * 0.125;
}

absl::Duration PeerCredit::TimeToBring(uint64_t bytes, absl::Duration now) {
  const double rate = rate_.BytesPerSecond(now);
  if (rate > 0) return absl::Seconds(static_cast<double>(bytes) / rate);
  return owed_bytes_ > 0 ? now - last_sign_ : round_trip_;
}

absl::Duration PeerCredit::Patience(bool patient) const {
  if (patient) return limits_.max_silence;
  if (!timed_) return limits_.first_silence;
  return std::clamp(smoothed_ + 4 * deviation_, limits_.min_silence, limits_.max_silence);
}

bool PeerCredit::Frozen(absl::Duration now, bool patient) const {
  return owed_bytes_ > 0 && now - last_sign_ > Patience(patient);
}

}  // namespace shoal::leecher
