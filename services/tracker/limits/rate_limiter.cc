#include "services/tracker/limits/rate_limiter.h"

#include <algorithm>
#include <cstring>

#include "shoal/base/byte_order.h"

namespace shoal::tracker {
namespace {

constexpr double kTicksPerSecond = 16e6;
constexpr int kTimeBits = 48;
constexpr uint64_t kTimeMask = (uint64_t{1} << kTimeBits) - 1;
// The most that a bucket may be ahead of the time. What seems further ahead is older than the 100 days after
// which 48 bits of ticks wrap around.
constexpr uint64_t kMaxAheadTicks = static_cast<uint64_t>(24 * 3600 * kTicksPerSecond);

uint64_t TicksOf(absl::Duration now) {
  return static_cast<uint64_t>(absl::ToInt64Nanoseconds(now)) * 2 / 125 & kTimeMask;
}

// How far a bucket is paid beyond now.
uint64_t Ahead(uint64_t paid_until, uint64_t now) {
  const uint64_t ahead = (paid_until - now) & kTimeMask;
  return ahead <= kMaxAheadTicks ? ahead : 0;
}

uint64_t Mix(uint64_t x) {
  x = (x ^ (x >> 31)) * 0x7fb5d329728ea185;
  x = (x ^ (x >> 27)) * 0x81dadef4bc2dd44d;
  return x ^ (x >> 33);
}

// Returns: the part of an address that identifies a source.
uint64_t PrefixOf(const IpAddress& source) {
  return source.is_v4() ? LoadBig<uint32_t>(source.bytes().data() + 12) | uint64_t{0xFFFF} << 32
                        : LoadBig<uint64_t>(source.bytes().data());
}

bool IsLoopback(const IpAddress& source) {
  if (source.is_v4()) return source.bytes()[12] == 127;
  static constexpr std::array<uint8_t, 16> kLoopback = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  return source.bytes() == kLoopback;
}

}  // namespace

void RateLimiter::Pace::Set(double per_second, double burst) {
  const uint64_t per_call =
      per_second <= 0
          ? 0
          : std::clamp<uint64_t>(static_cast<uint64_t>(kTicksPerSecond / per_second), 1, kMaxAheadTicks / 2);
  const double ticks =
      std::min(std::max(burst, 1.0) * static_cast<double>(per_call), static_cast<double>(kMaxAheadTicks));
  burst_ticks.store(static_cast<uint64_t>(ticks), std::memory_order_relaxed);
  ticks_per_call.store(per_call, std::memory_order_relaxed);
}

RateLimiter::RateLimiter(const Rates& rates, uint64_t seed)
    : seed_(seed), buckets_(std::make_unique<std::array<Bucket, kSets * kWays>>()) {
  SetRates(rates);
}

void RateLimiter::SetRates(const Rates& rates) {
  per_source_per_second_ = rates.per_source_per_second;
  per_source_burst_ = rates.per_source_burst;
  unproven_per_second_ = rates.unproven_per_second;
  source_pace_.Set(rates.per_source_per_second, rates.per_source_burst);
  // The burst is a tenth of a second's worth: batches of datagrams arrive together.
  unproven_pace_.Set(rates.unproven_per_second, rates.unproven_per_second / 10);
}

RateLimiter::Rates RateLimiter::rates() const {
  return {per_source_per_second_, per_source_burst_, unproven_per_second_};
}

bool RateLimiter::Charge(const Pace& pace, uint64_t now, uint32_t cost, uint64_t* paid_until) {
  const uint64_t ahead = Ahead(*paid_until, now) + cost * pace.ticks_per_call.load(std::memory_order_relaxed);
  if (ahead > pace.burst_ticks.load(std::memory_order_relaxed)) return false;
  *paid_until = (now + ahead) & kTimeMask;
  return true;
}

RateLimiter::Bucket* RateLimiter::Find(const IpAddress& source, uint64_t now, uint64_t* tag) {
  const uint64_t hash = Mix(PrefixOf(source) ^ seed_);
  *tag = hash & ~kTimeMask;
  Bucket* const set = buckets_->data() + hash % kSets * kWays;
  Bucket* least = set;
  uint64_t least_ahead = UINT64_MAX;
  for (Bucket* bucket = set; bucket != set + kWays; ++bucket) {
    const uint64_t value = bucket->load(std::memory_order_relaxed);
    const uint64_t ahead = Ahead(value & kTimeMask, now);
    if ((value & ~kTimeMask) == *tag) return bucket;
    if (ahead < least_ahead) {
      least = bucket;
      least_ahead = ahead;
    }
  }
  return least;
}

bool RateLimiter::Admit(const IpAddress& source, absl::Duration now, uint32_t cost) {
  if (!limits_sources() || IsLoopback(source)) return true;
  const uint64_t ticks = TicksOf(now);
  uint64_t tag = 0;
  Bucket* const bucket = Find(source, ticks, &tag);
  uint64_t value = bucket->load(std::memory_order_relaxed);
  for (;;) {
    // A bucket taken over from another source starts paid until now.
    uint64_t paid_until = (value & ~kTimeMask) == tag ? value & kTimeMask : ticks;
    if (!Charge(source_pace_, ticks, cost, &paid_until)) {
      refused_.fetch_add(1, std::memory_order_relaxed);
      return false;
    }
    if (bucket->compare_exchange_weak(value, tag | paid_until, std::memory_order_relaxed)) return true;
  }
}

bool RateLimiter::AdmitUnproven(absl::Duration now) {
  if (unproven_pace_.ticks_per_call.load(std::memory_order_relaxed) == 0) return true;
  const uint64_t ticks = TicksOf(now);
  uint64_t value = unproven_paid_until_.load(std::memory_order_relaxed);
  for (;;) {
    uint64_t paid_until = value;
    if (!Charge(unproven_pace_, ticks, 1, &paid_until)) {
      refused_unproven_.fetch_add(1, std::memory_order_relaxed);
      return false;
    }
    if (unproven_paid_until_.compare_exchange_weak(value, paid_until, std::memory_order_relaxed)) return true;
  }
}

}  // namespace shoal::tracker
