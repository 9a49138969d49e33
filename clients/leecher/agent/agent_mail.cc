#include "clients/leecher/agent/agent_mail.h"

#include "absl/strings/str_cat.h"

namespace shoal::leecher {

void AgentMail::Nudge() {
  MutexLock lock(&mutex_);
  due_ = true;
  came_.NotifyAll();
}

void AgentMail::ReportTracker(const tracking::TrackerUrl& tracker, const absl::Status& status) {
  MutexLock lock(&mutex_);
  batch_.trackers.emplace_back(tracker.ToString(), status.ok() ? "" : std::string(status.message()));
  due_ = true;
  came_.NotifyAll();
}

void AgentMail::ReportRejected(const tracking::ContentSummary& content, const absl::Status& why) {
  MutexLock lock(&mutex_);
  batch_.rejected.push_back(absl::StrCat("a tracker rejects ", content.name, ": ", why.message()));
  due_ = true;
  came_.NotifyAll();
}

void AgentMail::ReportBroken(const tracking::ContentSummary& content, const absl::Status& why) {
  MutexLock lock(&mutex_);
  batch_.broken.emplace_back(content.id, why);
  due_ = true;
  came_.NotifyAll();
}

void AgentMail::End() {
  MutexLock lock(&mutex_);
  ended_ = true;
  came_.NotifyAll();
}

std::optional<AgentMail::Batch> AgentMail::Await(absl::Duration most) {
  MutexLock lock(&mutex_);
  // A wait that ends early does no harm: its caller looks and waits again.
  if (!due_ && !ended_) came_.WaitFor(&mutex_, absl::ToChronoMilliseconds(most));
  if (ended_) return std::nullopt;
  due_ = false;
  return std::exchange(batch_, {});
}

}  // namespace shoal::leecher
