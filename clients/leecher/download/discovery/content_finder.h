#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "shoal/content/manifest/ids.h"
#include "shoal/tracking/messages/messages.h"

namespace shoal::leecher {

// Combines the responses of all trackers to a lookup by name or by id. An id is found as soon as one tracker
// knows it. A name is found when every tracker has responded or failed once (or a moment after the first one
// that knew it, so that an unreachable tracker causes no delay), and all mean the same content.
//
// Pure: `now` is Clock::Uptime(). One thread.
class ContentFinder {
 public:
  enum class Verdict {
    kOpen,         // not known yet
    kFound,        // found(): the content, with the peers reported so far
    kAmbiguous,    // candidates(): several contents have that name
    kNotFound,     // every reachable tracker says so
    kUnreachable,  // no tracker responded within the patience
  };

  ContentFinder(tracking::ContentKey wanted, size_t trackers, absl::Duration patience, absl::Duration now);

  void Answer(size_t tracker, const absl::StatusOr<tracking::LookupResponse>& response, absl::Duration now);
  Verdict Decide(absl::Duration now) const;

  const tracking::ContentSummary& found() const { return candidates_.front().summary; }
  const std::vector<tracking::ContentStatus>& candidates() const { return candidates_; }  // newest first
  const std::vector<tracking::PeerInfo>& peers() const { return peers_; }
  const absl::Status& last_failure() const { return last_failure_; }

 private:
  enum class Heard { kNothing, kFailure, kUnknown, kKnown };

  const bool by_name_;
  const absl::Duration give_up_at_;
  std::vector<Heard> heard_;
  std::vector<tracking::ContentStatus> candidates_;
  std::vector<tracking::PeerInfo> peers_;
  std::optional<absl::Duration> first_known_;
  absl::Status last_failure_;
};

}  // namespace shoal::leecher
