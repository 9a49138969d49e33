#include "clients/leecher/download/policy/joint_window.h"

#include <algorithm>
#include <numeric>

namespace shoal::leecher {
namespace {

constexpr uint64_t kMinChunks = 2;
// Parts of what the link carries. Rates of many peers vary by some per cent, and what lies between these two
// changes nothing.
constexpr double kClearlyLess = 0.87;
constexpr double kNearlyAsMuch = 0.92;
constexpr double kFarLess = 0.5;
// Of what was enough lately: so far the window grows for a dip.
constexpr double kSpare = 1.5;
// Per slot. The rate follows the window after a second at most, by when it has doubled or lost a quarter.
constexpr double kGrowth = 1.07;
constexpr double kShrinkage = 0.97;

}  // namespace

JointWindow::JointWindow(uint32_t chunk_bytes, uint64_t max_bytes)
    : min_bytes_(kMinChunks * chunk_bytes),
      max_bytes_(std::max(max_bytes, min_bytes_)),
      window_bytes_(min_bytes_) {}

void JointWindow::Add(absl::Duration now, uint64_t bytes) {
  AdvanceTo(now);
  arrived_[static_cast<size_t>(slot_) % kSlotsOfRate] += bytes;
}

bool JointWindow::HasRoom(absl::Duration now, uint64_t owed_bytes) {
  AdvanceTo(now);
  uint64_t& most = owed_[static_cast<size_t>(slot_) % kSlotsOfRate];
  most = std::max(most, owed_bytes);
  if (owed_bytes < window_bytes_) return true;
  full_ = true;
  return false;
}

void JointWindow::AdvanceTo(absl::Duration now) {
  const int64_t current = now / kSlot;
  // More slots without a byte than there are remembered make no difference.
  slot_ = std::max(slot_, current - static_cast<int64_t>(kSlotsOfRate + kSlotsOfPeak));
  while (slot_ < current) EndSlot();
}

// The least that was owed lately while this rate arrived.
uint64_t JointWindow::EnoughBytes(uint64_t rate) const {
  uint64_t enough = max_bytes_;
  for (size_t i = 0; i < kSlotsOfPeak; ++i) {
    if (loads_[i] > 0 && rates_[i] >= rate) enough = std::min(enough, loads_[i]);
  }
  return enough;
}

void JointWindow::EndSlot() {
  const uint64_t rate = std::accumulate(arrived_.begin(), arrived_.end(), uint64_t{0});
  rates_[static_cast<size_t>(slot_) % kSlotsOfPeak] = rate;
  loads_[static_cast<size_t>(slot_) % kSlotsOfPeak] = *std::max_element(owed_.begin(), owed_.end());
  const uint64_t peak = *std::max_element(rates_.begin(), rates_.end());
  const double part = peak == 0 ? 1 : static_cast<double>(rate) / static_cast<double>(peak);
  auto window_bytes = static_cast<double>(window_bytes_);
  const bool is_ample =
      part >= kFarLess && window_bytes > kSpare * static_cast<double>(EnoughBytes(static_cast<uint64_t>(
                                                      kNearlyAsMuch * static_cast<double>(peak))));
  if (part >= kNearlyAsMuch || is_ample) {
    window_bytes *= kShrinkage;
  } else if (full_ && part < kClearlyLess) {
    window_bytes *= kGrowth;
  }
  const uint64_t least_bytes = std::clamp(peak / kSlotsOfRate, min_bytes_, max_bytes_);
  window_bytes_ = std::clamp(static_cast<uint64_t>(window_bytes), least_bytes, max_bytes_);
  full_ = false;
  ++slot_;
  arrived_[static_cast<size_t>(slot_) % kSlotsOfRate] = 0;
  owed_[static_cast<size_t>(slot_) % kSlotsOfRate] = 0;
}

}  // namespace shoal::leecher
