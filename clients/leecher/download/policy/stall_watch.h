#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/time/time.h"

namespace shoal::leecher {

// What is known while nothing moves.
struct StallFacts {
  bool content_found = false;
  bool have_manifest = false;
  uint32_t trackers = 0;
  uint32_t trackers_away = 0;
  uint32_t peers_known = 0;    // not dropped for good
  uint32_t peers_dropped = 0;  // for good
  uint32_t peers_connecting = 0;
  uint32_t peers_ready = 0;
  uint32_t peers_owing = 0;  // ready, asked for something, silent
  uint32_t peers_busy = 0;   // refused us for now
  bool disk_behind = false;  // chunks wait for the disk
};

// Why nothing moves, in one sentence for people. Pure.
std::string StallReason(const StallFacts& facts);

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
