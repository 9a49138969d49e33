#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/time/time.h"
#include "shoal/base/endpoint.h"

namespace shoal::tracker {

// Limits the calls of each source, and of all unproven sources together.
//
// A source is an IPv4 address or an IPv6 /64 (which is what one customer has). Each has a token bucket; all
// buckets are in a table of fixed size, so a flood can't make it grow. A new source that finds its set full
// replaces the one that owes least. Charge only proven sources (a TCP connection, a valid cookie): a spoofed
// flood would otherwise fill the buckets of others. Addresses of this machine (loopback) are not limited.
//
// Thread safety: thread-safe, without locks. A call takes some nanoseconds, allocates nothing and reads no
// clock: `now` is an uptime that never goes back by more than the callers' clocks differ.
class RateLimiter {
 public:
  struct Rates {
    // Of one source; 0: no limit. The burst is what a source that was silent may send at once, at most what
    // the rate grants in a day.
    double per_source_per_second = 2000;
    double per_source_burst = 10'000;
    // Cookies and connection ids for unproven sources, all together; 0: no limit.
    double unproven_per_second = 200'000;

    friend bool operator==(const Rates&, const Rates&) = default;
  };

  // `seed` decides which sources share a set: a daemon draws it at random.
  RateLimiter(const Rates& rates, uint64_t seed);

  // Returns: whether the source may make `cost` calls now; if so, charges them.
  bool Admit(const IpAddress& source, absl::Duration now, uint32_t cost = 1);
  // Returns: whether one more unproven source may be answered now.
  bool AdmitUnproven(absl::Duration now);

  // Whether sources are limited at all, for callers to whom finding the source is expensive.
  bool limits_sources() const { return source_pace_.ticks_per_call.load(std::memory_order_relaxed) != 0; }

  // May be called at any time; earlier charges remain.
  void SetRates(const Rates& rates);
  Rates rates() const;

  uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }
  uint64_t refused_unproven() const { return refused_unproven_.load(std::memory_order_relaxed); }

 private:
  // A bucket's level is the time until which it is paid (GCRA), in ticks of 1/16 us.
  struct Pace {
    std::atomic<uint64_t> ticks_per_call{0};  // 0: no limit
    std::atomic<uint64_t> burst_ticks{0};
    void Set(double per_second, double burst);
  };
  // The source's tag in the upper 16 bits, the time until which it is paid up in the lower 48.
  using Bucket = std::atomic<uint64_t>;

  static constexpr size_t kWays = 4;
  static constexpr size_t kSets = 1u << 14;

  // Returns: whether `cost` fits; if so, advances `paid_until`.
  static bool Charge(const Pace& pace, uint64_t now, uint32_t cost, uint64_t* paid_until);
  Bucket* Find(const IpAddress& source, uint64_t now, uint64_t* tag);

  const uint64_t seed_;
  std::atomic<double> per_source_per_second_;
  std::atomic<double> per_source_burst_;
  std::atomic<double> unproven_per_second_;
  Pace source_pace_;
  Pace unproven_pace_;
  std::atomic<uint64_t> unproven_paid_until_{0};
  std::atomic<uint64_t> refused_{0};
  std::atomic<uint64_t> refused_unproven_{0};
  std::unique_ptr<std::array<Bucket, kSets * kWays>> buckets_;  // 512 KiB
};

}  // namespace shoal::tracker
