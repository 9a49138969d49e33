#include "services/tracker/registry/swarm_watchers.h"

#include <utility>

namespace shoal::tracker {

bool SwarmWatchers::Add(const ContentId& content, std::shared_ptr<SwarmWatcher> watcher) {
  if (!count_->TryAdd(1)) return false;
  watchers_[content].push_back(std::move(watcher));
  return true;
}

void SwarmWatchers::Remove(const ContentId& content, const SwarmWatcher* watcher) {
  const auto watched = watchers_.find(content);
  if (watched == watchers_.end()) return;
  count_->Subtract(std::erase_if(watched->second, [&](const auto& one) { return one.get() == watcher; }));
  if (watched->second.empty()) watchers_.erase(watched);
}

void SwarmWatchers::Tell(const ContentId& content, const tracking::SwarmEvent& event, const PeerId& about,
                         WatcherWakeups* wakeups) {
  if (watchers_.empty()) return;
  const auto watched = watchers_.find(content);
  if (watched == watchers_.end()) return;
  count_->Subtract(std::erase_if(watched->second, [&](const std::shared_ptr<SwarmWatcher>& watcher) {
    if (about == watcher->exclude()) return false;
    const bool reads_on = watcher->Add(event);
    wakeups->Add(watcher);
    return !reads_on;
  }));
  if (watched->second.empty()) watchers_.erase(watched);
}

}  // namespace shoal::tracker
