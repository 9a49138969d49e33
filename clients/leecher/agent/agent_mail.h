#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "shoal/base/mutex.h"
#include "shoal/content/manifest/ids.h"
#include "shoal/tracking/client/tracker_url.h"
#include "shoal/tracking/messages/messages.h"

namespace shoal::leecher {

// What other threads (loops, announcers, lookups) report to the thread of an agent. They never wait for the
// agent's lock: the agent holds that while it waits for some of them.
//
// Thread safety: all methods are thread-safe.
class AgentMail {
 public:
  // What was reported since the last Await, each kind in its order.
  struct Batch {
    std::vector<std::pair<ContentId, absl::Status>> broken;  // contents that can't be read any more, and why
    std::vector<std::pair<std::string, std::string>> trackers;  // URL, failure; empty: it answers
    std::vector<std::string> rejected;  // announcements that trackers reject, for people
  };

  AgentMail() = default;
  AgentMail(const AgentMail&) = delete;
  AgentMail& operator=(const AgentMail&) = delete;

  // Something is to be looked at.
  void Nudge();
  void ReportTracker(const tracking::TrackerUrl& tracker, const absl::Status& status);
  void ReportRejected(const tracking::ContentSummary& content, const absl::Status& why);
  void ReportBroken(const tracking::ContentSummary& content, const absl::Status& why);
  // From now on Await returns nullopt.
  void End();

  // Waits for a report or a nudge, `most` at most. Returns what was reported, which may be nothing; nullopt:
  // it has ended.
  std::optional<Batch> Await(absl::Duration most);

 private:
  Mutex mutex_;
  CondVar came_;
  bool due_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  Batch batch_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace shoal::leecher
