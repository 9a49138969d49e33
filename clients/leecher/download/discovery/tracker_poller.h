#pragma once

#include <functional>
#include <memory>
#include <random>
#include <thread>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "shoal/base/mutex.h"
#include "shoal/content/manifest/ids.h"
#include "shoal/tracking/client/tracker_client.h"
#include "shoal/tracking/messages/messages.h"

namespace shoal::leecher {

// Asks one tracker who has a content, at once and then again and again, on a thread of its own: often while
// peers are lacking, ever more seldom otherwise. It judges nothing: each answer, good or bad, goes to
// `on_answer`.
//
// Thread-safe. The destructor waits for a lookup in flight, so `timeout` at most.
class TrackerPoller {
 public:
  struct Options {
    PeerId self;
    std::string site;
    tracking::ContentKey content;
    uint32_t max_peers = 0;
    absl::Duration min_interval = absl::Seconds(1);
    absl::Duration max_interval = absl::Seconds(10);
    absl::Duration timeout = absl::Seconds(3);
    std::function<std::unique_ptr<tracking::TrackerClient>()> make_client;  // called from the poller's thread
    std::function<void(const absl::StatusOr<tracking::LookupResponse>&)>
        on_answer;  // called from the poller's thread
  };

  explicit TrackerPoller(Options options);
  ~TrackerPoller();

  // What to ask for from now on: a name turns into an id once it is known which content it means.
  void SetContent(const tracking::ContentKey& content);
  // Peers are lacking (or not any more).
  void SetLacking(bool lacking);
  // No answer comes after this returned. Does not wait for the thread.
  void Stop();

 private:
  void Run();

  const Options options_;
  Mutex mutex_;
  CondVar changed_;
  tracking::ContentKey content_ ABSL_GUARDED_BY(mutex_);
  bool lacking_ ABSL_GUARDED_BY(mutex_) = true;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t wakes_ ABSL_GUARDED_BY(mutex_) = 0;
  std::thread thread_;  // last: it uses all of the above
};

// The time until the lookup after next: at first twice the last, until that is `min`, since machines that are
// told to fetch something together do not know each other at their first lookup; then `min` while peers are
// lacking, otherwise twice the last, up to `max`.
absl::Duration NextPollInterval(absl::Duration last, bool lacking, absl::Duration min, absl::Duration max);

}  // namespace shoal::leecher
