#include "clients/leecher/download/policy/stall_watch.h"

#include <utility>

namespace shoal::leecher {
namespace {

// A reason that changes more often than this is no help to anybody.
constexpr absl::Duration kBetweenReasons = absl::Seconds(5);

}  // namespace

StallWatch::StallWatch(absl::Duration patience, absl::Duration now,
                       std::function<void(const std::string&)> tell)
    : patience_(patience), tell_(std::move(tell)), last_moved_(now), last_told_(now) {}

void StallWatch::Moved(absl::Duration now) {
  last_moved_ = now;
  if (because_.empty()) return;
  because_.clear();
  tell_(because_);
}

void StallWatch::Check(absl::Duration now, const std::function<StallFacts()>& facts) {
  if (now - last_moved_ < patience_) {
    if (!because_.empty()) Moved(last_moved_);
    return;
  }
  if (!because_.empty() && now - last_told_ < kBetweenReasons) return;
  std::string because = StallReason(facts());
  if (because == because_) return;
  because_ = std::move(because);
  last_told_ = now;
  tell_(because_);
}

}  // namespace shoal::leecher
