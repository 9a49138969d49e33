#pragma once

#include <cstdint>

namespace shoal::tracker {

// Fast, repeatable random numbers (SplitMix64) for selecting peers and drawing nonces. The same seed gives
// the same numbers, so tests and simulations can be repeated. Not for secrets: one number reveals all later
// ones.
//
// Thread safety: not thread-safe. Each shard has its own under its lock.
class RandomSource {
 public:
  explicit RandomSource(uint64_t seed) : state_(seed) {}

  // Returns: a number that is uniform over all 64-bit numbers.
  uint64_t Next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

  // Returns: a number in [0, limit). Its bias is at most limit / 2^32. Requires: limit > 0.
  uint32_t Below(uint32_t limit) { return static_cast<uint32_t>(((Next() >> 32) * limit) >> 32); }

 private:
  uint64_t state_;
};

}  // namespace shoal::tracker
