#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "clients/leecher/cli/terminal/console.h"
#include "shoal/base/mutex.h"
#include "shoal/tracking/client/tracker_url.h"
#include "shoal/tracking/messages/messages.h"

namespace shoal::leecher {

// Takes what a Reseeder reports from its threads, and keeps it until the thread that prints comes for it.
// Thread-safe; must outlive the reseeder.
class TrackerMessages {
 public:
  std::function<void(const tracking::TrackerUrl&, const absl::Status&)> OnTracker();
  std::function<void(const tracking::ContentSummary&, const absl::Status&)> OnRejected();

  // Says what has come since the last time. While a download runs, that a tracker is away is said by the
  // download.
  void Print(Console& console, bool with_reachability);

 private:
  struct Message {
    std::string text;
    bool reachability = false;
  };

  Mutex mutex_;
  std::vector<Message> messages_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace shoal::leecher
