#pragma once

#include <atomic>
#include <cstdint>

namespace shoal::tracker {

// A count with a limit, shared by all shards of a table. It counts what exists; the owner calls Subtract when
// something ends. The limit may change at any time; a count that is then over it stays until its owner lowers
// it.
//
// Thread safety: thread-safe, without locks. Two calls at the same time near the limit may both be refused
// where one would have fitted, but the amounts that were admitted never exceed the limit. count() may exceed
// it for a moment, while a TryAdd that is going to fail is in progress.
class BoundedCount {
 public:
  explicit BoundedCount(uint64_t limit) : limit_(limit) {}

  // Returns: false, without a change, when the count would exceed the limit.
  bool TryAdd(uint64_t amount) {
    if (count_.fetch_add(amount, std::memory_order_relaxed) + amount <= limit()) return true;
    Subtract(amount);
    refused_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  void Subtract(uint64_t amount) { count_.fetch_sub(amount, std::memory_order_relaxed); }

  uint64_t count() const { return count_.load(std::memory_order_relaxed); }
  uint64_t limit() const { return limit_.load(std::memory_order_relaxed); }
  void set_limit(uint64_t limit) { limit_.store(limit, std::memory_order_relaxed); }
  // How often TryAdd returned false.
  uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> limit_;
  std::atomic<uint64_t> count_{0};
  std::atomic<uint64_t> refused_{0};
};

}  // namespace shoal::tracker
