#include "clients/leecher/download/discovery/tracker_poller.h"

#include <algorithm>
#include <utility>

#include "shoal/base/clock.h"

namespace shoal::leecher {

absl::Duration NextPollInterval(absl::Duration last, bool lacking, absl::Duration min, absl::Duration max) {
  if (last < min) return std::min(last * 2, min);
  return lacking ? min : std::clamp(last * 2, min, max);
}

TrackerPoller::TrackerPoller(Options options)
    : options_(std::move(options)), content_(options_.content), thread_([this] { Run(); }) {}

TrackerPoller::~TrackerPoller() {
  Stop();
  thread_.join();
}

void TrackerPoller::SetContent(const tracking::ContentKey& content) {
  MutexLock lock(&mutex_);
  content_ = content;
}

void TrackerPoller::SetLacking(bool lacking) {
  MutexLock lock(&mutex_);
  if (lacking && !lacking_) {
    ++wakes_;
    changed_.NotifyAll();
  }
  lacking_ = lacking;
}

void TrackerPoller::Stop() {
  MutexLock lock(&mutex_);
  stopped_ = true;
  changed_.NotifyAll();
}

void TrackerPoller::Run() {
  const std::unique_ptr<tracking::TrackerClient> client = options_.make_client();
  std::mt19937_64 random(std::random_device{}());
  std::uniform_real_distribution<double> jitter(0.75, 1.25);
  absl::Duration interval = options_.min_interval / 10;
  while (true) {
    tracking::LookupRequest request;
    request.exclude = options_.self;
    request.site = options_.site;
    request.max_peers = options_.max_peers;
    uint64_t wakes_before = 0;
    {
      MutexLock lock(&mutex_);
      if (stopped_) return;
      request.content = content_;
      wakes_before = wakes_;
    }
    const absl::StatusOr<tracking::LookupResponse> response = client->Lookup(request, options_.timeout);

    MutexLock lock(&mutex_);
    if (stopped_) return;
    options_.on_answer(response);
    interval = NextPollInterval(interval, lacking_, options_.min_interval, options_.max_interval);
    const absl::Duration due = Clock::Real().Uptime() + interval * jitter(random);
    while (!stopped_ && wakes_ == wakes_before) {
      const absl::Duration left = due - Clock::Real().Uptime();
      if (left <= absl::ZeroDuration()) break;
      changed_.WaitFor(&mutex_, absl::ToChronoNanoseconds(left));
    }
    // Woken because peers are lacking: a moment later all the same, so that peers that come and go do not
    // make a flood.
    if (wakes_ != wakes_before && !stopped_)
      changed_.WaitFor(&mutex_, absl::ToChronoNanoseconds(options_.min_interval / 4));
  }
}

}  // namespace shoal::leecher
