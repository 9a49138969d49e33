#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/time/time.h"

namespace shoal::leecher {

// The facts about a download that receives nothing.
struct StallFacts {
  bool content_found = false;
  uint32_t trackers_unknowing = 0;   // that do not know the content
  uint32_t trackers_warming_up = 0;  // of these: that started a moment ago
  bool have_manifest = false;
  uint32_t trackers = 0;
  uint32_t trackers_away = 0;
  uint32_t trackers_refusing = 0;  // they answered with an error, or do not admit this client
  std::string refusal = {};        // what one of these says
  uint32_t peers_known = 0;        // not dropped for good
  uint32_t peers_named = 0;        // of these: connected, or returned by the last lookup of some tracker
  uint32_t peers_dropped = 0;      // for good
  uint32_t peers_connecting = 0;
  uint32_t peers_ready = 0;
  uint32_t peers_owing = 0;   // ready, silent, with requests outstanding
  uint32_t peers_busy = 0;    // refused temporarily
  uint32_t peers_broken = 0;  // can't read what they offer
  uint32_t peers_wanting_ticket = 0;
  // The name that was asked for means another content by now.
  bool replaced = false;
  bool disk_behind = false;  // chunks wait for the disk
};

// Returns, in one sentence for people, why nothing is received. Pure.
std::string StallReason(const StallFacts& facts);

// Detects that a download makes no progress, and determines why. Pure: `now` is Clock::Uptime(). One thread.
class StallWatch {
 public:
  // `tell` receives each new reason, or an empty one when there is progress again. Never the same twice in a
  // row.
  StallWatch(absl::Duration patience, absl::Duration now, std::function<void(const std::string&)> tell);

  // The download made progress.
  void Moved(absl::Duration now);
  // The same for bytes, which arrive often: evaluated at the next Check.
  void MovedALittle(absl::Duration now) { last_moved_ = now; }
  // To be called periodically. `facts` is called only if there was no progress for longer than the patience.
  void Check(absl::Duration now, const std::function<StallFacts()>& facts);
  // Forgets the reason without a notification.
  void Clear() { because_.clear(); }

  // Empty while there is progress.
  const std::string& because() const { return because_; }

 private:
  const absl::Duration patience_;
  const std::function<void(const std::string&)> tell_;
  absl::Duration last_moved_;
  absl::Duration last_told_;
  std::string because_;
};

}  // namespace shoal::leecher
