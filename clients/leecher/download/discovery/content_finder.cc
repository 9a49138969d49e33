#include "clients/leecher/download/discovery/content_finder.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace shoal::leecher {
namespace {

// How long to wait for the other trackers after the first one knew a name.
constexpr absl::Duration kMomentForOthers = absl::Milliseconds(700);

}  // namespace

ContentFinder::ContentFinder(tracking::ContentKey wanted, size_t trackers, absl::Duration patience,
                             absl::Duration now)
    : by_name_(std::holds_alternative<std::string>(wanted)),
      give_up_at_(now + patience),
      heard_(trackers, Heard::kNothing) {}

void ContentFinder::Answer(size_t tracker, const absl::StatusOr<tracking::LookupResponse>& response,
                           absl::Duration now) {
  if (!response.ok() && response.status().code() != absl::StatusCode::kNotFound) {
    last_failure_ = response.status();
    if (heard_[tracker] == Heard::kNothing) heard_[tracker] = Heard::kFailure;
    return;
  }
  if (!response.ok() || response->contents.empty()) {
    heard_[tracker] = Heard::kUnknown;
    return;
  }
  heard_[tracker] = Heard::kKnown;
  if (!first_known_.has_value()) first_known_ = now;
  for (const tracking::ContentStatus& content : response->contents) {
    const auto same = std::find_if(
        candidates_.begin(), candidates_.end(),
        [&](const tracking::ContentStatus& other) { return other.summary.id == content.summary.id; });
    if (same == candidates_.end()) {
      candidates_.push_back(content);
    } else {  // the same peers, as another tracker counts them
      same->first_seen = std::min(same->first_seen, content.first_seen);
      same->seeders = std::max(same->seeders, content.seeders);
      same->leechers = std::max(same->leechers, content.leechers);
    }
  }
  std::sort(candidates_.begin(), candidates_.end(),
            [](const tracking::ContentStatus& a, const tracking::ContentStatus& b) {
              return a.first_seen > b.first_seen;
            });
  peers_.insert(peers_.end(), response->peers.begin(), response->peers.end());
}

ContentFinder::Verdict ContentFinder::Decide(absl::Duration now) const {
  const bool all_heard = std::find(heard_.begin(), heard_.end(), Heard::kNothing) == heard_.end();
  if (!candidates_.empty()) {
    if (by_name_ && !all_heard && now < *first_known_ + kMomentForOthers) return Verdict::kOpen;
    return candidates_.size() == 1 ? Verdict::kFound : Verdict::kAmbiguous;
  }
  const bool some_unknown = std::find(heard_.begin(), heard_.end(), Heard::kUnknown) != heard_.end();
  if (some_unknown && all_heard) return Verdict::kNotFound;
  if (now < give_up_at_) return Verdict::kOpen;
  return some_unknown ? Verdict::kNotFound : Verdict::kUnreachable;
}

}  // namespace shoal::leecher
