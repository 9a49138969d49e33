#include "clients/leecher/download/policy/stall_watch.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace shoal::leecher {
namespace {

std::string Count(uint32_t n, const char* one, const char* many) {
  return absl::StrCat(n, " ", n == 1 ? one : many);
}

std::string AboutTrackers(const StallFacts& facts) {
  if (facts.trackers_away == facts.trackers) {
    return facts.trackers == 1 ? "; the tracker does not answer" : "; no tracker answers";
  }
  std::string about;
  if (facts.trackers_away > 0) {
    about = absl::StrCat("; ", Count(facts.trackers_away, "tracker does", "trackers do"), " not answer");
  }
  if (facts.trackers_refusing > 0) {
    absl::StrAppend(&about, "; ", Count(facts.trackers_refusing, "tracker refuses", "trackers refuse"),
                    " to answer: ", facts.refusal);
  }
  return about;
}

std::string AboutContent(const StallFacts& facts) {
  if (facts.trackers_unknowing == 0) {
    if (facts.trackers_refusing > 0) return absl::StrCat("no tracker accepts the request: ", facts.refusal);
    return facts.trackers == 1 ? "the tracker does not answer" : "no tracker answers";
  }
  if (facts.trackers == 1) {
    return facts.trackers_warming_up > 0 ? "the tracker started a moment ago and does not know it yet"
                                         : "the tracker does not know it yet";
  }
  if (facts.trackers_warming_up > 0) {
    return absl::StrCat("no tracker knows it yet; ", Count(facts.trackers_warming_up, "tracker", "trackers"),
                        " started a moment ago", AboutTrackers(facts));
  }
  return "no tracker knows it yet" + AboutTrackers(facts);
}

std::string AboutPeers(const StallFacts& facts) {
  if (facts.disk_behind) return "the disk is still writing what has arrived";
  if (facts.peers_owing > 0) {
    return absl::StrCat(Count(facts.peers_owing, "peer has", "peers have"), " been asked, and nothing comes");
  }
  if (facts.peers_ready > 0) {
    if (!facts.have_manifest) {
      return absl::StrCat("none of ", Count(facts.peers_ready, "peer", "peers"), " has the manifest yet");
    }
    return absl::StrCat("none of ", Count(facts.peers_ready, "connected peer", "connected peers"),
                        " has a chunk that is missing here");
  }
  if (facts.peers_connecting > 0) {
    return absl::StrCat("connecting to ", Count(facts.peers_connecting, "peer", "peers"));
  }
  if (facts.peers_known > 0 && facts.peers_named == 0) {
    return facts.peers_known == 1 ? "the peer that had it is gone"
                                  : absl::StrCat("the ", facts.peers_known, " peers that had it are gone");
  }
  if (facts.peers_busy > 0 && facts.peers_busy == facts.peers_known) {
    return absl::StrCat(Count(facts.peers_busy, "known peer is", "known peers are"),
                        " busy; trying again soon");
  }
  if (facts.peers_broken > 0 && facts.peers_broken == facts.peers_known) {
    return absl::StrCat(Count(facts.peers_broken, "known peer", "known peers"),
                        " can't read the file any more");
  }
  if (facts.peers_wanting_ticket > 0 && facts.peers_wanting_ticket == facts.peers_known) {
    return absl::StrCat(Count(facts.peers_known, "known peer wants", "known peers want"),
                        " a ticket of a tracker, and this machine has none that counts there");
  }
  if (facts.peers_known > 0) {
    return absl::StrCat(Count(facts.peers_known, "known peer", "known peers"),
                        " can't be reached; trying again soon");
  }
  if (facts.peers_dropped > 0) {
    return absl::StrCat("no peer is left: ", Count(facts.peers_dropped, "peer", "peers"),
                        " sent wrong bytes and will not be asked again");
  }
  return "no peer has it at the moment";
}

// A reason that changes more often than this does not help a reader.
constexpr absl::Duration kBetweenReasons = absl::Seconds(5);

}  // namespace

std::string StallReason(const StallFacts& facts) {
  if (!facts.content_found) return AboutContent(facts);
  std::string reason = AboutPeers(facts) + AboutTrackers(facts);
  if (facts.replaced) absl::StrAppend(&reason, "; its name means another content by now");
  return reason;
}

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
