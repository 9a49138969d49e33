#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "shoal/base/clock.h"
#include "shoal/base/mutex.h"
#include "shoal/content/manifest/ids.h"
#include "shoal/tracking/client/tracker_client.h"
#include "shoal/tracking/client/tracker_url.h"
#include "shoal/tracking/messages/messages.h"

namespace shoal::leecher {

// A content that trackers offer.
struct Offer {
  tracking::ContentStatus content;  // of several trackers, the larger counts
  std::vector<std::string> trackers;
};

// All that trackers offer, by name and then by id. Immutable.
using Offering = std::shared_ptr<const std::vector<Offer>>;

// Part of it.
struct OfferPage {
  std::vector<Offer> offers;
  bool more = false;  // there are others after the last one
};

// What a few trackers offer, as one list that is at most a few seconds old. A thread of its own asks them,
// only while that is needed. It does not decide what is fetched.
//
// Thread safety: all methods are thread-safe.
class TrackerOffers {
 public:
  struct Options {
    std::vector<tracking::TrackerUrl> trackers;
    // Makes or finds the client of a tracker. Required.
    std::function<std::shared_ptr<tracking::TrackerClient>(const tracking::TrackerUrl&)> client_at;
    absl::Duration interval = absl::Seconds(1);
    // Called on the thread, without a lock, after the trackers were asked: what they offer; null when none
    // answered.
    std::function<void(const Offering& offering)> on_offering;
    // Called on the thread with the answer of each tracker; OK when it answered.
    std::function<void(const tracking::TrackerUrl& tracker, const absl::Status& status)> on_tracker;
    const Clock* clock = &Clock::Real();
  };

  explicit TrackerOffers(Options options);
  // Waits for a call to a tracker that is in progress.
  ~TrackerOffers();
  TrackerOffers(const TrackerOffers&) = delete;
  TrackerOffers& operator=(const TrackerOffers&) = delete;

  // While set, the trackers are asked all the time.
  void SetFollowed(bool followed);
  // Asks the trackers now instead of after the interval, if they are asked at all.
  void Hurry();

  // The contents whose names contain `text` (ignoring the case of ASCII letters), after the one with that
  // name and id; at most `most`. Trackers are asked from now on, for half a minute. The first call waits for
  // them, at most a second. Errors: UNAVAILABLE when no tracker answers.
  absl::StatusOr<OfferPage> Page(const std::string& text, const std::pair<std::string, ContentId>& after,
                                 size_t most);

 private:
  void Run();
  Offering Ask();

  const Options options_;
  Mutex mutex_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool followed_ ABSL_GUARDED_BY(mutex_) = false;
  bool hurry_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Duration wanted_until_ ABSL_GUARDED_BY(mutex_) = -absl::InfiniteDuration();  // uptime
  Offering offering_ ABSL_GUARDED_BY(mutex_);       // null: no tracker answered, or none was asked
  uint64_t offerings_ ABSL_GUARDED_BY(mutex_) = 0;  // how often trackers were asked
  std::thread thread_;
};

}  // namespace shoal::leecher
