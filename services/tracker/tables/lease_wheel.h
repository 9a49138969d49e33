#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace shoal::tracker {

// A record's place in a LeaseWheel; kept in the record.
struct LeaseWheelLink {
  uint32_t previous = 0;  // a slot, or kBucket | bucket for the first slot of a bucket
  uint32_t next = 0;      // a slot, or kEnd
};

// A timing wheel: finds lapsed slots without looking at the others. Divides time (in ticks) into buckets,
// each a list of the slots whose deadline falls into it; Advance empties the buckets that are over.
//
// Renewing is free: a deadline may move later at any time without a call. Advance moves a slot that it finds
// in its old bucket with a later deadline to the right one, so each slot is touched about once per lease.
// Insert and Remove are O(1). Slots are reported at most one bucket (bucket_ticks()) after their deadline;
// callers that need precision compare the deadline too.
//
// `Records` provides `LeaseWheelLink& wheel_link(uint32_t slot)` and `uint64_t deadline(uint32_t slot)`.
// Slots are below 2^31. Not thread-safe.
template <typename Records>
class LeaseWheel {
 public:
  // Sized for leases of `lease_ticks`; longer ones work but are touched more often. Requires: `records`
  // outlives this.
  LeaseWheel(Records* records, uint64_t lease_ticks, uint64_t now)
      : records_(records),
        bucket_ticks_(std::max<uint64_t>(1, (lease_ticks + kBuckets / 2 - 1) / (kBuckets / 2))),
        next_(now / bucket_ticks_),
        first_(kBuckets, kEnd) {}

  uint64_t bucket_ticks() const { return bucket_ticks_; }

  void Insert(uint32_t slot) {
    const uint64_t due = records_->deadline(slot) / bucket_ticks_;
    const auto bucket = static_cast<uint32_t>(std::clamp(due, next_, next_ + kBuckets - 1) % kBuckets);
    LeaseWheelLink& link = records_->wheel_link(slot);
    link = {kBucket | bucket, first_[bucket]};
    if (link.next != kEnd) records_->wheel_link(link.next).previous = slot;
    first_[bucket] = slot;
  }

  // Requires: `slot` is in the wheel.
  void Remove(uint32_t slot) {
    const LeaseWheelLink link = records_->wheel_link(slot);
    if (link.next != kEnd) records_->wheel_link(link.next).previous = link.previous;
    if (link.previous & kBucket) {
      first_[link.previous & ~kBucket] = link.next;
    } else {
      records_->wheel_link(link.previous).next = link.next;
    }
  }

  // Calls `lapsed(slot)` for each slot whose deadline is `now` or earlier, after removing it. Touches at most
  // `max_slots`. Returns: false if work is left.
  template <typename Lapsed>
  bool Advance(uint64_t now, uint32_t max_slots, Lapsed&& lapsed) {
    const uint64_t current = now / bucket_ticks_;
    // After a long pause every bucket is due, and one round visits them all.
    if (current > next_ + kBuckets) next_ = current - kBuckets;
    for (; next_ < current; ++next_) {
      uint32_t& first = first_[next_ % kBuckets];
      while (first != kEnd) {
        if (max_slots-- == 0) return false;
        const uint32_t slot = first;
        Remove(slot);
        if (records_->deadline(slot) <= now) {
          lapsed(slot);
        } else {
          Insert(slot);
        }
      }
    }
    return true;
  }

 private:
  // Two leases long, so that a renewed slot always has a bucket of its own time.
  static constexpr uint64_t kBuckets = 512;
  static constexpr uint32_t kBucket = 1u << 31;
  static constexpr uint32_t kEnd = ~0u;

  Records* const records_;
  const uint64_t bucket_ticks_;
  uint64_t next_;  // the first bucket not yet emptied, counted from time 0; it is first_[next_ % kBuckets]
  std::vector<uint32_t> first_;
};

}  // namespace shoal::tracker
