#pragma once

#include <memory>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "services/tracker/limits/registry_limits.h"
#include "services/tracker/registry/swarm_watcher.h"
#include "shoal/content/manifest/ids.h"
#include "shoal/tracking/messages/messages.h"

namespace shoal::tracker {

// Who watches which content of a shard. Not thread-safe.
class SwarmWatchers {
 public:
  // `count`: of all shards' watchers together; outlives this.
  explicit SwarmWatchers(BoundedCount* count) : count_(count) {}

  // False, and no change, when there are too many.
  bool Add(const ContentId& content, std::shared_ptr<SwarmWatcher> watcher);
  void Remove(const ContentId& content, const SwarmWatcher* watcher);
  // To all that watch `content` and want to hear about that peer; lets go of those that are lost.
  void Tell(const ContentId& content, const tracking::SwarmEvent& event, const PeerId& about,
            WatcherWakeups* wakeups);

 private:
  BoundedCount* const count_;
  absl::flat_hash_map<ContentId, std::vector<std::shared_ptr<SwarmWatcher>>> watchers_;
};

}  // namespace shoal::tracker
