#pragma once

#include <cstdint>

namespace shoal::tracker {

// Fast random numbers (SplitMix64) that a test can repeat: for choosing peers and numbering leases, never for
// secrets. Not thread-safe.
class RandomSource {
 public:
  explicit RandomSource(uint64_t seed) : state_(seed) {}

  uint64_t Next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

  // From 0 to limit - 1; limit > 0. (Off from even by limit / 2^32 at most.)
  uint32_t Below(uint32_t limit) { return static_cast<uint32_t>(((Next() >> 32) * limit) >> 32); }

 private:
  uint64_t state_;
};

}  // namespace shoal::tracker
