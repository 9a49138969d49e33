#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "clients/leecher/agent/agent_state.h"
#include "clients/leecher/agent/agent_view.h"
#include "shoal/base/clock.h"
#include "shoal/base/strong_index.h"

namespace shoal::leecher {

// What has happened in an agent, and what each of its viewers has not seen of it. Of a download it knows the
// id alone: the viewer looks at the download when it takes its news. So a slow viewer costs memory for ids
// and for the latest events, whatever happens meanwhile.
//
// Thread safety: one thread at a time. It calls no viewer: its owner calls what TakeWakes returns.
class ViewerFeed {
 public:
  static constexpr size_t kKeptEvents = 2000;
  // Of the events that are there already a new viewer gets the latest.
  static constexpr size_t kShownEvents = 100;

  // Names one viewer; never used again for another one.
  using Viewer = StrongIndex<struct ViewerTag, uint64_t>;

  // What one viewer has not seen.
  struct News {
    bool snapshot = false;  // it has seen nothing: everything there is, is new
    std::set<DownloadId> changed;
    std::set<DownloadId> removed;
    bool totals = false;
    bool follows = false;
    std::vector<AgentEvent> events;  // oldest first
    bool events_lost = false;        // there were more than are kept
  };

  // `on_event`: called for each event; empty: nobody. `clock` outlives this.
  ViewerFeed(const Clock* clock, std::function<void(const AgentEvent& event)> on_event)
      : clock_(clock), on_event_(std::move(on_event)) {}
  ViewerFeed(const ViewerFeed&) = delete;
  ViewerFeed& operator=(const ViewerFeed&) = delete;

  // What happens.

  void Changed(DownloadId id);
  void Removed(DownloadId id);
  void TotalsChanged();
  void FollowsChanged();
  // `id` 0: the agent. `kind`: a word for programs.
  void Tell(DownloadId id, std::string kind, std::string text);

  // Viewers.

  // `wake`: see TakeWakes.
  Viewer Add(std::function<void()> wake);
  void End(Viewer viewer) { viewers_.erase(viewer); }
  // Returns what the viewer has not seen, which it has seen then. Nullopt: nothing; its `wake` is due at the
  // next news. Requires: Add returned it, and it has not ended.
  std::optional<News> Take(Viewer viewer);
  // The `wake` of each viewer that has news and found none when it last looked; each is returned once.
  std::vector<std::function<void()>> TakeWakes();
  // The latest of one download, oldest first.
  std::vector<AgentEvent> EventsOf(DownloadId id, size_t most) const;

 private:
  struct Unseen {
    std::function<void()> wake;
    bool asleep = false;  // it found nothing, and waits for its wake
    uint64_t next_event = 0;
    News news;  // without its events
  };
  void Note(const std::function<void(News&)>& what);

  const Clock* const clock_;
  const std::function<void(const AgentEvent& event)> on_event_;
  std::deque<AgentEvent> events_;
  uint64_t next_sequence_ = 1;
  uint64_t next_viewer_ = 0;
  std::map<Viewer, Unseen> viewers_;
  std::vector<std::function<void()>> wakes_;
};

}  // namespace shoal::leecher
