#pragma once

#include <atomic>
#include <cstdint>

#include "services/tracker/limits/bounded_count.h"

namespace shoal::tracker {

// Bounds on the registry's size; past them it answers RESOURCE_EXHAUSTED. The defaults suit a machine with
// about 8 GiB of memory.
struct RegistryLimits {
  uint64_t max_contents = 5'000'000;
  uint64_t max_leases = 30'000'000;
  // Contents that were not known before and that one source may register: so many at once, and so many a
  // second afterwards; 0 a second: no limit. Sources, loopback and the most of a burst are as RateLimiter has
  // them.
  double new_contents_per_second = 100;
  double new_contents_burst = 200'000;
  uint32_t max_peers_per_content = 5'000'000;
  uint32_t max_contents_per_name = 1000;
  // Signatures that are kept with a content, and named in responses; kMaxSignaturesPerContent at most.
  uint32_t max_signatures = 4;
  // The chunk sets of all partial peers together.
  uint64_t max_chunk_set_bytes = 2ull << 30;
  uint32_t max_watchers = 1000;
  // The largest swarm that may be watched: a watcher is first sent all of its peers.
  uint32_t max_watched_peers = 50'000;
  // Unread changes after which a watcher is ended.
  uint32_t max_watch_backlog = 4096;
};

// How much of RegistryLimits is in use. Thread-safe.
struct RegistryUsage {
  explicit RegistryUsage(const RegistryLimits& limits)
      : contents(limits.max_contents),
        leases(limits.max_leases),
        chunk_set_bytes(limits.max_chunk_set_bytes),
        watchers(limits.max_watchers),
        max_peers_per_content(limits.max_peers_per_content),
        max_signatures(limits.max_signatures) {}

  void SetLimits(const RegistryLimits& limits) {
    contents.set_limit(limits.max_contents);
    leases.set_limit(limits.max_leases);
    chunk_set_bytes.set_limit(limits.max_chunk_set_bytes);
    watchers.set_limit(limits.max_watchers);
    max_peers_per_content.store(limits.max_peers_per_content, std::memory_order_relaxed);
    max_signatures.store(limits.max_signatures, std::memory_order_relaxed);
  }

  BoundedCount contents;  // with a peer or without
  BoundedCount leases;
  BoundedCount chunk_set_bytes;
  BoundedCount watchers;
  std::atomic<uint32_t> max_peers_per_content;
  std::atomic<uint32_t> max_signatures;
  std::atomic<uint64_t> full_contents{0};      // registrations refused because their content was full
  std::atomic<uint64_t> unkept_signatures{0};  // of contents that had their most
  std::atomic<uint64_t> lapsed{0};             // leases, since the start
  std::atomic<uint64_t> left{0};
};

}  // namespace shoal::tracker
