#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "clients/leecher/download/discovery/tracker_lookups.h"
#include "clients/leecher/download/model/download_event.h"
#include "clients/leecher/download/model/download_options.h"
#include "shoal/net/event_loop.h"

namespace shoal::leecher {

// The trackers of one download: subscribes to the lookups of each, brings the answers to the download's loop,
// and reports trackers that went away, refuse, or came back. It does not interpret the answers. All calls
// come on the download's loop; no answer comes after Stop.
class TrackerPolls {
 public:
  // Every answer, good or bad, by the tracker's place in DownloadOptions::trackers.
  using Listener =
      std::function<void(size_t tracker, const absl::StatusOr<tracking::LookupResponse>& response)>;

  // The lookups of a tracker, for all downloads of the process.
  using LookupsAt = std::function<TrackerLookups&(const tracking::TrackerUrl& tracker)>;

  // All must outlive this. `tell` receives the TrackerChanged. NOT_FOUND is the answer of a tracker that is
  // reachable.
  TrackerPolls(net::LoopScope& loop, const DownloadOptions& options, LookupsAt lookups_at,
               const EventSink& tell, Listener listener);

  // Begins to ask for `content`; also once more, after Stop.
  void Begin(const tracking::ContentKey& content);
  // Looks up `content` instead of the name from now on. Called once the name has been resolved to an id.
  void SetContent(const ContentId& content);
  // Each tracker is asked in turn for the content and for `key`, until this is called with nothing. So a
  // download by name learns that the name means another content by now.
  void SetAlternative(const std::optional<tracking::ContentKey>& key);
  // Peers are lacking (or not any more): the trackers are asked more often.
  void SetLacking(bool lacking);
  void Stop();

  // Returns whether at least one tracker has responded so far.
  bool answered() const { return answered_; }
  // Returns whether each tracker has responded, or failed to, at least once.
  bool all_heard() const;
  // Those that did not answer the last time, and those that refused (tracking::IsRefusal).
  uint32_t away() const;
  uint32_t refusing() const;
  // Why one of the latter refuses, before others one that does not admit this client; OK: none refuses.
  absl::Status refusal() const;

 private:
  void Answer(size_t tracker, const absl::StatusOr<tracking::LookupResponse>& response);

  net::LoopScope& loop_;
  const DownloadOptions& options_;
  const LookupsAt lookups_at_;
  const EventSink& tell_;
  const Listener listener_;
  std::vector<std::unique_ptr<TrackerLookups::Subscription>> subscriptions_;
  tracking::ContentKey content_;
  std::optional<tracking::ContentKey> alternative_;
  std::vector<bool> asks_alternative_;  // this is the alternative's turn, by tracker
  std::vector<bool> heard_;
  std::vector<absl::Status> failures_;  // OK: it answered the last time
  bool answered_ = false;
  bool lacking_ = true;
  bool stopped_ = false;
};

}  // namespace shoal::leecher
