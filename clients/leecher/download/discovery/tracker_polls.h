#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "clients/leecher/download/discovery/tracker_poller.h"
#include "clients/leecher/download/download.h"
#include "shoal/net/event_loop.h"

namespace shoal::leecher {

// The trackers of a download: asks each of them, on a thread of its own, who has the content, brings the
// answers to the download's loop, and tells the observer which trackers went away or came back. What the
// answers mean is not its business. On the download's loop; no answer comes after Stop.
class TrackerPolls {
 public:
  // Every answer, good or bad, by the tracker's place in DownloadOptions::trackers.
  using Listener =
      std::function<void(size_t tracker, const absl::StatusOr<tracking::LookupResponse>& response)>;

  // All outlive this. NOT_FOUND is the answer of a tracker that is there.
  TrackerPolls(net::EventLoop& loop, const DownloadOptions& options, const Download::Observer& observer,
               Listener listener);

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

  net::EventLoop& loop_;
  const DownloadOptions& options_;
  const Download::Observer& observer_;
  const Listener listener_;
  std::vector<std::unique_ptr<TrackerPoller>> pollers_;
  std::vector<bool> away_;
  bool answered_ = false;
  bool lacking_ = true;
  bool stopped_ = false;
};

}  // namespace shoal::leecher
