#include "clients/leecher/agent/viewer_feed.h"

#include <algorithm>
#include <utility>

namespace shoal::leecher {

void ViewerFeed::Changed(DownloadId id) {
  Note([id](News& news) { news.changed.insert(id); });
}

void ViewerFeed::Removed(DownloadId id) {
  Note([id](News& news) {
    news.changed.erase(id);
    news.removed.insert(id);
  });
}

void ViewerFeed::TotalsChanged() {
  Note([](News& news) { news.totals = true; });
}

void ViewerFeed::FollowsChanged() {
  Note([](News& news) { news.follows = true; });
}

void ViewerFeed::Tell(DownloadId id, std::string kind, std::string text) {
  events_.push_back({next_sequence_++, clock_->Now(), id, std::move(kind), std::move(text)});
  if (events_.size() > kKeptEvents) events_.pop_front();
  if (on_event_ != nullptr) on_event_(events_.back());
  Note([](News&) {});
}

void ViewerFeed::Note(const std::function<void(News&)>& what) {
  for (auto& [viewer, unseen] : viewers_) {
    what(unseen.news);
    if (std::exchange(unseen.asleep, false)) wakes_.push_back(unseen.wake);
  }
}

ViewerFeed::Viewer ViewerFeed::Add(std::function<void()> wake) {
  const Viewer viewer(next_viewer_++);
  Unseen& unseen = viewers_[viewer];
  unseen.wake = std::move(wake);
  unseen.news.snapshot = true;
  return viewer;
}

std::optional<ViewerFeed::News> ViewerFeed::Take(Viewer viewer) {
  Unseen& unseen = viewers_.at(viewer);
  const bool events = next_sequence_ > unseen.next_event;
  if (!unseen.news.snapshot && unseen.news.changed.empty() && unseen.news.removed.empty() &&
      !unseen.news.totals && !unseen.news.follows && !events) {
    unseen.asleep = true;
    return std::nullopt;
  }
  News news = std::exchange(unseen.news, {});
  if (news.snapshot) {
    news.changed.clear();
    news.removed.clear();
    news.totals = news.follows = true;
    unseen.next_event = next_sequence_ - std::min<uint64_t>(kShownEvents, events_.size());
  }
  // Sequences rise by one, so that the first that is wanted is at a known place.
  const uint64_t first_kept = next_sequence_ - events_.size();
  news.events_lost = unseen.next_event < first_kept;
  const auto begin = static_cast<std::ptrdiff_t>(std::max(unseen.next_event, first_kept) - first_kept);
  news.events.assign(events_.begin() + begin, events_.end());
  unseen.next_event = next_sequence_;
  return news;
}

std::vector<std::function<void()>> ViewerFeed::TakeWakes() {
  return std::exchange(wakes_, {});
}

std::vector<AgentEvent> ViewerFeed::EventsOf(DownloadId id, size_t most) const {
  std::vector<AgentEvent> events;
  for (auto event = events_.rbegin(); event != events_.rend() && events.size() < most; ++event) {
    if (event->download == id) events.push_back(*event);
  }
  std::reverse(events.begin(), events.end());
  return events;
}

}  // namespace shoal::leecher
