#pragma once

#include <functional>
#include <string>

#include "absl/time/time.h"
#include "clients/leecher/download/policy/stall_reason.h"

namespace shoal::leecher {

// Notices that nothing moves, and finds out why. Pure: `now` is Clock::Uptime(). One thread.
class StallWatch {
 public:
  // `tell`: the new reason, or an empty one when it moves again. Not told twice in a row.
  StallWatch(absl::Duration patience, absl::Duration now, std::function<void(const std::string&)> tell);

  // Something happened that brings the download forward.
  void Moved(absl::Duration now);
  // The same for bytes, which come often: noticed at the next Check.
  void MovedALittle(absl::Duration now) { last_moved_ = now; }
  // To be called over and over. `facts` is asked only when nothing has moved for longer than the patience.
  void Check(absl::Duration now, const std::function<StallFacts()>& facts);
  // Nothing waits any more, and nobody needs to be told.
  void Clear() { because_.clear(); }

  // Empty while things move.
  const std::string& because() const { return because_; }

 private:
  const absl::Duration patience_;
  const std::function<void(const std::string&)> tell_;
  absl::Duration last_moved_;
  absl::Duration last_told_;
  std::string because_;
};

}  // namespace shoal::leecher
