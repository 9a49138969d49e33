#include "services/tracker/registry/swarm_watcher.h"

#include <utility>

namespace shoal::tracker {

SwarmWatcher::SwarmWatcher(std::optional<PeerId> exclude, uint32_t max_backlog, std::function<void()> wake)
    : exclude_(std::move(exclude)), max_backlog_(max_backlog), wake_(std::move(wake)) {}

std::optional<tracking::SwarmEvent> SwarmWatcher::Next() {
  MutexLock lock(&mutex_);
  if (events_.empty()) return std::nullopt;
  tracking::SwarmEvent event = std::move(events_.front());
  events_.pop_front();
  if (left_of_start_ > 0) --left_of_start_;
  return event;
}

bool SwarmWatcher::lost() const {
  MutexLock lock(&mutex_);
  return lost_;
}

void SwarmWatcher::Begin(std::vector<tracking::PeerInfo> peers) {
  MutexLock lock(&mutex_);
  left_of_start_ = peers.size();
  for (tracking::PeerInfo& peer : peers) events_.emplace_back(std::move(peer));
}

bool SwarmWatcher::Add(const tracking::SwarmEvent& event) {
  MutexLock lock(&mutex_);
  if (lost_) return false;
  if (events_.size() - left_of_start_ >= max_backlog_) {
    lost_ = true;
    events_.clear();
    events_.shrink_to_fit();
    left_of_start_ = 0;
    return false;
  }
  events_.push_back(event);
  return true;
}

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

void SwarmWatchers::Tell(const LeaseChange& change, WatcherWakeups* wakeups) {
  // Watchers are not sent what it changes.
  if (change.kind == LeaseChange::Kind::kRelabeled) return;
  const auto watched = watchers_.find(change.content.id);
  if (watched == watchers_.end()) return;
  const tracking::SwarmEvent event = change.kind == LeaseChange::Kind::kEnded
                                         ? tracking::SwarmEvent(change.peer.id)
                                         : tracking::SwarmEvent(change.peer);
  count_->Subtract(std::erase_if(watched->second, [&](const std::shared_ptr<SwarmWatcher>& watcher) {
    if (change.peer.id == watcher->exclude()) return false;
    const bool reads_on = watcher->Add(event);
    wakeups->Add(watcher);
    return !reads_on;
  }));
  if (watched->second.empty()) watchers_.erase(watched);
}

}  // namespace shoal::tracker
