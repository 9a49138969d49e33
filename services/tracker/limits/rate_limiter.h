#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/time/time.h"
#include "shoal/base/endpoint.h"

namespace shoal::tracker {

// How much each source may ask, and what all unproven sources together may.
//
// A source is an IPv4 address or an IPv6 /64 (which is what one customer has). Each has a token bucket; all
// of them lie in a table of a fixed size, so no flood makes it grow. A source that the table has no room for
// takes the place of the one that owes least. Only proven sources are to be charged here (a TCP connection, a
// good cookie): a spoofed flood would else fill the buckets of others. Addresses of this machine itself
// (loopback) are not limited.
//
// Thread-safe, without locks; a call takes some nanoseconds, allocates nothing and looks at no clock: `now`
// is an uptime that never goes back by more than the callers' clocks differ.
class RateLimiter {
 public:
  struct Rates {
    // Of one source; 0: no limit. The burst is what may come at once after a while of silence.
    double per_source_per_second = 2000;
    double per_source_burst = 10'000;
    // Cookies and connection ids given to sources that have proven nothing, all together; 0: no limit.
    double unproven_per_second = 200'000;

    friend bool operator==(const Rates&, const Rates&) = default;
  };

  // `seed` decides which sources share a place: a daemon draws it at random.
  RateLimiter(const Rates& rates, uint64_t seed);

  // Whether the source may have `cost` calls now; if so, they are charged.
  bool Admit(const IpAddress& source, absl::Duration now, uint32_t cost = 1);
  // Whether one more unproven source may be answered now.
  bool AdmitUnproven(absl::Duration now);

  // Whether there is a limit for a source at all, for a caller to whom the source comes dear.
  bool limits_sources() const { return source_pace_.ticks_per_call.load(std::memory_order_relaxed) != 0; }

  // At any time; what was charged stays charged.
  void SetRates(const Rates& rates);
  Rates rates() const;

  uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }
  uint64_t refused_unproven() const { return refused_unproven_.load(std::memory_order_relaxed); }

 private:
  // What a bucket's level is measured by: the time until which it is paid up (GCRA). In ticks of 1/16 us.
  struct Pace {
    std::atomic<uint64_t> ticks_per_call{0};  // 0: no limit
    std::atomic<uint64_t> burst_ticks{0};
    void Set(double per_second, double burst);
  };
  // The source's tag in the upper 16 bits, the time until which it is paid up in the lower 48.
  using Bucket = std::atomic<uint64_t>;

  static constexpr size_t kWays = 4;
  static constexpr size_t kSets = 1u << 14;

  // True when `cost` fits; `paid_until` is then moved on.
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
