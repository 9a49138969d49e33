#include "clients/leecher/download/discovery/tracker_polls.h"

#include <algorithm>
#include <utility>

namespace shoal::leecher {

TrackerPolls::TrackerPolls(net::EventLoop& loop, const DownloadOptions& options,
                           const Download::Observer& observer, Listener listener)
    : loop_(loop),
      options_(options),
      observer_(observer),
      listener_(std::move(listener)),
      away_(options.trackers.size(), false) {}

void TrackerPolls::Begin(const tracking::ContentKey& content) {
  for (size_t i = 0; i < options_.trackers.size(); ++i) {
    TrackerPoller::Options poller;
    poller.self = options_.self;
    poller.site = options_.site;
    poller.content = content;
    poller.min_interval = options_.tuning.min_poll;
    poller.max_interval = options_.tuning.max_poll;
    poller.timeout = options_.tuning.lookup_timeout;
    poller.make_client = [make = options_.make_tracker_client, url = options_.trackers[i]] {
      return make(url);
    };
    poller.on_answer = [this, i](const absl::StatusOr<tracking::LookupResponse>& response) {
      loop_.Post([this, i, response] { Answer(i, response); });
    };
    pollers_.push_back(std::make_unique<TrackerPoller>(std::move(poller)));
  }
}

void TrackerPolls::Answer(size_t tracker, const absl::StatusOr<tracking::LookupResponse>& response) {
  if (stopped_) return;
  const bool there = response.ok() || absl::IsNotFound(response.status());
  answered_ = answered_ || there;
  if (away_[tracker] == there) {
    away_[tracker] = !there;
    observer_(TrackerChanged{options_.trackers[tracker], there ? absl::OkStatus() : response.status()});
  }
  listener_(tracker, response);
}

void TrackerPolls::SetContent(const ContentId& content) {
  for (const auto& poller : pollers_) poller->SetContent(content);
}

void TrackerPolls::SetLacking(bool lacking) {
  if (lacking == lacking_) return;
  lacking_ = lacking;
  for (const auto& poller : pollers_) poller->SetLacking(lacking);
}

void TrackerPolls::Stop() {
  stopped_ = true;
  for (const auto& poller : pollers_) poller->Stop();
}

uint32_t TrackerPolls::away() const {
  return static_cast<uint32_t>(std::count(away_.begin(), away_.end(), true));
}

}  // namespace shoal::leecher
