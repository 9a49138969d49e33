#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "services/tracker/limits/bounded_count.h"
#include "services/tracker/registry/registry_observer.h"
#include "shoal/base/mutex.h"
#include "shoal/content/manifest/ids.h"
#include "shoal/tracking/messages/messages.h"

namespace shoal::tracker {

// The queue between the registry, which never waits for it, and one reader of a swarm's changes. A reader
// that falls more than `max_backlog` changes behind is lost: its queue is emptied, further changes are
// dropped, and lost() is true. Thread-safe.
class SwarmWatcher {
 public:
  // `exclude`: a peer whose changes are left out. `wake` is called after events were added or the watcher was
  // lost, without a lock, on the thread that caused the change. It must not block.
  SwarmWatcher(std::optional<PeerId> exclude, uint32_t max_backlog, std::function<void()> wake);

  // For the reader. Returns: the next event, or nullopt.
  std::optional<tracking::SwarmEvent> Next();
  bool lost() const;

  // For the registry: adds the peers at the start, which do not count as backlog.
  void Begin(std::vector<tracking::PeerInfo> peers);
  // Returns: false when the watcher is lost and can be removed.
  bool Add(const tracking::SwarmEvent& event);
  void Wake() { wake_(); }
  const std::optional<PeerId>& exclude() const { return exclude_; }

 private:
  const std::optional<PeerId> exclude_;
  const uint32_t max_backlog_;
  const std::function<void()> wake_;
  mutable Mutex mutex_;
  std::deque<tracking::SwarmEvent> events_ ABSL_GUARDED_BY(mutex_);
  size_t left_of_start_ ABSL_GUARDED_BY(mutex_) = 0;  // unread events of the start
  bool lost_ ABSL_GUARDED_BY(mutex_) = false;
};

// Wakes watchers at its destruction. Declare it before taking a lock, so that no callback runs under the
// lock.
class WatcherWakeups {
 public:
  WatcherWakeups() = default;
  WatcherWakeups(const WatcherWakeups&) = delete;
  WatcherWakeups& operator=(const WatcherWakeups&) = delete;
  ~WatcherWakeups() {
    for (const auto& watcher : watchers_) watcher->Wake();
  }

  void Add(std::shared_ptr<SwarmWatcher> watcher) { watchers_.push_back(std::move(watcher)); }

 private:
  absl::InlinedVector<std::shared_ptr<SwarmWatcher>, 4> watchers_;
};

// The watchers of a shard's contents. Not thread-safe.
class SwarmWatchers {
 public:
  // `count`: watchers of all shards together. Requires: it outlives this.
  explicit SwarmWatchers(BoundedCount* count) : count_(count) {}

  // Returns: false, without a change, when there are too many.
  bool Add(const ContentId& content, std::shared_ptr<SwarmWatcher> watcher);
  void Remove(const ContentId& content, const SwarmWatcher* watcher);
  // Adds the change to each watcher of its content that does not exclude the peer; removes lost watchers.
  void Tell(const LeaseChange& change, WatcherWakeups* wakeups);
  bool empty() const { return watchers_.empty(); }

 private:
  BoundedCount* const count_;
  absl::flat_hash_map<ContentId, std::vector<std::shared_ptr<SwarmWatcher>>> watchers_;
};

}  // namespace shoal::tracker
