#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "shoal/content/manifest/ids.h"
#include "shoal/content/manifest/publisher_signature.h"
#include "shoal/tracking/messages/messages.h"

namespace shoal::leecher {

// How long to keep asking before a lookup has failed. Zero: not at all; absl::InfiniteDuration(): for ever.
struct FindingPatience {
  absl::Duration unknown;     // every tracker that responds says that it does not know the content
  absl::Duration warming_up;  // the same, but one of them started a moment ago and may not know its peers yet
  absl::Duration unreachable;  // no tracker responds
};

// Combines the responses of all trackers to a lookup by name or by id. An id is found as soon as one tracker
// knows it. A name is found when every tracker has responded or failed once (or a moment after the first one
// that knew it, so that an unreachable tracker causes no delay), and all mean the same content.
//
// If there are trusted keys, only contents that one of these keys signed are candidates, and a name means the
// candidate that was signed last. Other contents are treated as unknown, except that the verdict can be
// kUntrusted.
//
// Pure: `now` is Clock::Uptime(). One thread.
class ContentFinder {
 public:
  enum class Verdict {
    kOpen,       // not known yet
    kFound,      // found(): the content, with the peers reported so far
    kAmbiguous,  // candidates(): several contents have that name
    kUntrusted,  // there are contents, untrusted(), none that a trusted publisher signed; the patience is over
    kNotFound,   // every reachable tracker says so, and the patience is over
    kUnreachable,  // no tracker responded within the patience
  };

  ContentFinder(tracking::ContentKey wanted, size_t trackers, const FindingPatience& patience,
                absl::Duration now, TrustedKeys trusted = {});

  void Answer(size_t tracker, const absl::StatusOr<tracking::LookupResponse>& response, absl::Duration now);
  Verdict Decide(absl::Duration now) const;

  // The trackers that said last that they do not know the content, and those of them that are warming up.
  uint32_t trackers_unknowing() const;
  uint32_t trackers_warming_up() const;
  const tracking::ContentSummary& found() const { return candidates_.front().summary; }
  // The signatures of found(): with trusted keys the newest one of these, verified; otherwise those that
  // trackers have, in their order, none of them verified.
  const std::vector<PublisherSignature>& signatures() const { return candidates_.front().signatures; }
  // Whether a content is one that may be fetched: with trusted keys, one that is what was asked for, as one
  // of these signed it.
  bool Trusts(const tracking::ContentStatus& content) const { return trusted_.empty() || Newest(content); }
  const std::vector<tracking::ContentStatus>& candidates() const { return candidates_; }  // newest first
  const std::vector<tracking::ContentStatus>& untrusted() const { return untrusted_; }
  // Of found(), as a tracker reported them.
  std::vector<tracking::PeerInfo> peers(size_t tracker) const {
    return peers_of_[tracker] == found().id ? peers_[tracker] : std::vector<tracking::PeerInfo>();
  }
  const absl::Status& last_failure() const { return last_failure_; }

 private:
  enum class Heard { kNothing, kFailure, kUnknown, kWarmingUp, kKnown };

  // Adds a content to `contents`. If it is there already, merges the new status into the old one.
  void Add(const tracking::ContentStatus& content, std::vector<tracking::ContentStatus>& contents) const;
  // With trusted keys: the newest signature of one of these, null for another content than was asked for.
  const PublisherSignature* Newest(const tracking::ContentStatus& content) const;
  // With trusted keys: when their owners last signed a candidate. Otherwise: when it was first seen.
  absl::Time TimeOf(const tracking::ContentStatus& candidate) const;

  uint32_t Count(Heard heard) const;

  const tracking::ContentKey wanted_;
  const FindingPatience patience_;
  const absl::Duration began_;
  std::vector<Heard> heard_;
  const TrustedKeys trusted_;
  // Newest first. With trusted keys, each has the newest signature of these alone.
  std::vector<tracking::ContentStatus> candidates_;
  std::vector<tracking::ContentStatus> untrusted_;
  std::vector<std::vector<tracking::PeerInfo>> peers_;  // by tracker
  std::vector<ContentId> peers_of_;                     // whose peers these are, by tracker
  std::optional<absl::Duration> first_known_;
  absl::Status last_failure_;
};

}  // namespace shoal::leecher
