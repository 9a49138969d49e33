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

// One reader of a swarm's changes: the queue between the registry, which never waits for it, and whoever
// reads. A reader that is further behind than `max_backlog` changes is lost: its queue is emptied, nothing
// more is added, and lost() says so. Thread-safe.
class SwarmWatcher {
 public:
  // `exclude`: a peer whose changes are left out. `wake` is called after events were added or the watcher was
  // lost, with no lock held, from the thread that caused the change; it must not block.
  SwarmWatcher(std::optional<PeerId> exclude, uint32_t max_backlog, std::function<void()> wake);

  // For the reader: the next event, if there is one.
  std::optional<tracking::SwarmEvent> Next();
  bool lost() const;

  // For the registry. The peers that are there at the start; they do not count as backlog.
  void Begin(std::vector<tracking::PeerInfo> peers);
  // False when the watcher is lost and can be forgotten.
  bool Add(const tracking::SwarmEvent& event);
  void Wake() { wake_(); }
  const std::optional<PeerId>& exclude() const { return exclude_; }

 private:
  const std::optional<PeerId> exclude_;
  const uint32_t max_backlog_;
  const std::function<void()> wake_;
  mutable Mutex mutex_;
  std::deque<tracking::SwarmEvent> events_ ABSL_GUARDED_BY(mutex_);
  size_t left_of_start_ ABSL_GUARDED_BY(mutex_) = 0;  // events of the start that are not read yet
  bool lost_ ABSL_GUARDED_BY(mutex_) = false;
};

// Watchers to be woken when this goes out of scope. Declared before a lock is taken, it wakes them after the
// lock is released, so that nobody's callback runs under it.
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

// Who watches which content of a shard. Not thread-safe.
class SwarmWatchers {
 public:
  // `count`: of all shards' watchers together; outlives this.
  explicit SwarmWatchers(BoundedCount* count) : count_(count) {}

  // False, and no change, when there are too many.
  bool Add(const ContentId& content, std::shared_ptr<SwarmWatcher> watcher);
  void Remove(const ContentId& content, const SwarmWatcher* watcher);
  // To all that watch `content` and want to hear about that peer; lets go of those that are lost.
  void Tell(const LeaseChange& change, WatcherWakeups* wakeups);
  bool empty() const { return watchers_.empty(); }

 private:
  BoundedCount* const count_;
  absl::flat_hash_map<ContentId, std::vector<std::shared_ptr<SwarmWatcher>>> watchers_;
};

}  // namespace shoal::tracker
