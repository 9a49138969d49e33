#include "clients/leecher/download/discovery/tracker_polls.h"

#include <algorithm>
#include <utility>

namespace shoal::leecher {

TrackerPolls::TrackerPolls(net::LoopScope& loop, const DownloadOptions& options, LookupsAt lookups_at,
                           const DownloadObserver& observer, Listener listener)
    : loop_(loop),
      options_(options),
      lookups_at_(std::move(lookups_at)),
      observer_(observer),
      listener_(std::move(listener)),
      away_(options.trackers.size(), false) {}

void TrackerPolls::Begin(const tracking::ContentKey& content) {
  for (size_t i = 0; i < options_.trackers.size(); ++i) {
    TrackerLookups::Query query;
    query.content = content;
    query.min_interval = options_.tuning.min_poll;
    query.max_interval = options_.tuning.max_poll;
    query.timeout = options_.tuning.lookup_timeout;
    query.on_answer = [this, i](const absl::StatusOr<tracking::LookupResponse>& response) {
      loop_.Post([this, i, response] { Answer(i, response); });
    };
    subscriptions_.push_back(lookups_at_(options_.trackers[i]).Subscribe(std::move(query)));
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
  for (const auto& subscription : subscriptions_) subscription->SetContent(content);
}

void TrackerPolls::SetLacking(bool lacking) {
  if (lacking == lacking_) return;
  lacking_ = lacking;
  for (const auto& subscription : subscriptions_) subscription->SetLacking(lacking);
}

void TrackerPolls::Stop() {
  stopped_ = true;
  for (const auto& subscription : subscriptions_) subscription->Stop();
}

uint32_t TrackerPolls::away() const {
  return static_cast<uint32_t>(std::count(away_.begin(), away_.end(), true));
}

}  // namespace shoal::leecher
