#include "clients/leecher/download/discovery/tracker_polls.h"

#include <algorithm>
#include <utility>

#include "shoal/base/error_cause.h"
#include "shoal/tracking/client/refusal.h"

namespace shoal::leecher {

TrackerPolls::TrackerPolls(net::LoopScope& loop, const DownloadOptions& options, LookupsAt lookups_at,
                           const EventSink& tell, Listener listener)
    : loop_(loop),
      options_(options),
      lookups_at_(std::move(lookups_at)),
      tell_(tell),
      listener_(std::move(listener)),
      asks_alternative_(options.trackers.size(), false),
      heard_(options.trackers.size(), false),
      failures_(options.trackers.size()) {}

void TrackerPolls::Begin(const tracking::ContentKey& content) {
  content_ = content;
  alternative_.reset();
  stopped_ = false;
  lacking_ = true;
  subscriptions_.clear();
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
  absl::Status failure = there ? absl::OkStatus() : response.status();
  answered_ = answered_ || there;
  heard_[tracker] = true;
  std::swap(failures_[tracker], failure);
  const absl::Status& now = failures_[tracker];
  if (failure.ok() != now.ok() || CauseOf(failure) != CauseOf(now))
    tell_(TrackerChanged{options_.trackers[tracker], now});
  listener_(tracker, response);
  if (stopped_ || !alternative_.has_value()) return;
  asks_alternative_[tracker] = !asks_alternative_[tracker];
  subscriptions_[tracker]->SetContent(asks_alternative_[tracker] ? *alternative_ : content_);
}

void TrackerPolls::SetContent(const ContentId& content) {
  content_ = content;
  for (const auto& subscription : subscriptions_) subscription->SetContent(content);
}

void TrackerPolls::SetAlternative(const std::optional<tracking::ContentKey>& key) {
  if (key == alternative_) return;
  alternative_ = key;
  asks_alternative_.assign(asks_alternative_.size(), false);
  for (const auto& subscription : subscriptions_) subscription->SetContent(content_);
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

bool TrackerPolls::all_heard() const {
  return std::find(heard_.begin(), heard_.end(), false) == heard_.end();
}

uint32_t TrackerPolls::away() const {
  return static_cast<uint32_t>(std::count_if(
      failures_.begin(), failures_.end(),
      [](const absl::Status& failure) { return !failure.ok() && !tracking::IsRefusal(failure); }));
}

uint32_t TrackerPolls::refusing() const {
  return static_cast<uint32_t>(std::count_if(failures_.begin(), failures_.end(), tracking::IsRefusal));
}

absl::Status TrackerPolls::refusal() const {
  absl::Status refusal;
  for (const absl::Status& failure : failures_) {
    if (CauseOf(failure) == ErrorCause::kNotPermitted) return failure;
    if (tracking::IsRefusal(failure)) refusal = failure;
  }
  return refusal;
}

}  // namespace shoal::leecher
