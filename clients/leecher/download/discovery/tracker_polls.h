#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "clients/leecher/download/discovery/tracker_lookups.h"
#include "clients/leecher/download/model/download_event.h"
#include "clients/leecher/download/model/download_options.h"
#include "shoal/net/event_loop.h"

namespace shoal::leecher {

// The trackers of one download: subscribes to the lookups of each, brings the answers to the download's loop,
// and notifies the observer of trackers that went away or came back. It does not interpret the answers. All
// calls come on the download's loop; no answer comes after Stop.
class TrackerPolls {
 public:
  // Every answer, good or bad, by the tracker's place in DownloadOptions::trackers.
  using Listener =
      std::function<void(size_t tracker, const absl::StatusOr<tracking::LookupResponse>& response)>;

  // The lookups of a tracker, for all downloads of the process.
  using LookupsAt = std::function<TrackerLookups&(const tracking::TrackerUrl& tracker)>;

  // All must outlive this. NOT_FOUND is the answer of a tracker that is reachable.
  TrackerPolls(net::LoopScope& loop, const DownloadOptions& options, LookupsAt lookups_at,
               const DownloadObserver& observer, Listener listener);

  // Begins to ask for `content`.
  void Begin(const tracking::ContentKey& content);
  // What to ask for from now on: a name turns into an id once it is known which content it means.
  void SetContent(const ContentId& content);
  // Peers are lacking (or not any more): the trackers are asked more often.
  void SetLacking(bool lacking);
  void Stop();

  // At least one tracker has answered so far.
  bool answered() const { return answered_; }
  // Those that did not answer the last time.
  uint32_t away() const;

 private:
  void Answer(size_t tracker, const absl::StatusOr<tracking::LookupResponse>& response);

  net::LoopScope& loop_;
  const DownloadOptions& options_;
  const LookupsAt lookups_at_;
  const DownloadObserver& observer_;
  const Listener listener_;
  std::vector<std::unique_ptr<TrackerLookups::Subscription>> subscriptions_;
  std::vector<bool> away_;
  bool answered_ = false;
  bool lacking_ = true;
  bool stopped_ = false;
};

}  // namespace shoal::leecher
