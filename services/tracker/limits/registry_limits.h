#pragma once

#include <atomic>
#include <cstdint>

namespace shoal::tracker {

// How much the registry takes before it says RESOURCE_EXHAUSTED. The defaults are what one machine with some
// 8 GiB of memory bears.
struct RegistryLimits {
  uint64_t max_contents = 5'000'000;
  uint64_t max_leases = 30'000'000;
  uint32_t max_peers_per_content = 5'000'000;
  uint32_t max_contents_per_name = 1000;
  // The chunk sets of peers that have some chunks and not all, together.
  uint64_t max_chunk_set_bytes = 2ull << 30;
  uint32_t max_watchers = 1000;
  // Peers that a swarm may have to be watched: a watcher is first sent all of them.
  uint32_t max_watched_peers = 50'000;
  // Changes that a watcher may be behind before it is ended.
  uint32_t max_watch_backlog = 4096;
  // Of BitTorrent's swarms, which are counted apart: a peer of theirs takes some ten bytes, a swarm some
  // hundred.
  uint64_t max_bittorrent_swarms = 10'000'000;
  uint64_t max_bittorrent_peers = 100'000'000;
  uint32_t max_peers_per_bittorrent_swarm = 5'000'000;
};

// A count that all shards share and that has a limit, which may change at any time: what is over it then
// stays until it goes by itself. Thread-safe.
class BoundedCount {
 public:
  explicit BoundedCount(uint64_t limit) : limit_(limit) {}

  // False, and no change, when the limit would be passed.
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
  uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> limit_;
  std::atomic<uint64_t> count_{0};
  std::atomic<uint64_t> refused_{0};
};

// What of the limits is used up. Thread-safe.
struct RegistryUsage {
  explicit RegistryUsage(const RegistryLimits& limits)
      : contents(limits.max_contents),
        leases(limits.max_leases),
        chunk_set_bytes(limits.max_chunk_set_bytes),
        watchers(limits.max_watchers),
        max_peers_per_content(limits.max_peers_per_content) {}

  void SetLimits(const RegistryLimits& limits) {
    contents.set_limit(limits.max_contents);
    leases.set_limit(limits.max_leases);
    chunk_set_bytes.set_limit(limits.max_chunk_set_bytes);
    watchers.set_limit(limits.max_watchers);
    max_peers_per_content.store(limits.max_peers_per_content, std::memory_order_relaxed);
  }

  BoundedCount contents;  // with a peer or without
  BoundedCount leases;
  BoundedCount chunk_set_bytes;
  BoundedCount watchers;
  std::atomic<uint32_t> max_peers_per_content;
  std::atomic<uint64_t> full_contents{0};  // registrations refused for that
  std::atomic<uint64_t> lapsed{0};         // leases that ended so since the start
  std::atomic<uint64_t> left{0};
};

// The same for BitTorrent's swarms. Thread-safe.
struct BitTorrentUsage {
  explicit BitTorrentUsage(const RegistryLimits& limits)
      : swarms(limits.max_bittorrent_swarms),
        peers(limits.max_bittorrent_peers),
        max_peers_per_swarm(limits.max_peers_per_bittorrent_swarm) {}

  void SetLimits(const RegistryLimits& limits) {
    swarms.set_limit(limits.max_bittorrent_swarms);
    peers.set_limit(limits.max_bittorrent_peers);
    max_peers_per_swarm.store(limits.max_peers_per_bittorrent_swarm, std::memory_order_relaxed);
  }

  BoundedCount swarms;
  BoundedCount peers;
  std::atomic<uint32_t> max_peers_per_swarm;
  std::atomic<uint64_t> full_swarms{0};  // announces refused for that
  std::atomic<uint64_t> lapsed{0};       // peers, since the start
};

}  // namespace shoal::tracker
