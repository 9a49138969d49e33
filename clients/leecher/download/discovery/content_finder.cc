#include "clients/leecher/download/discovery/content_finder.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "shoal/tracking/messages/warm_up.h"

namespace shoal::leecher {
namespace {

// How long to wait for the other trackers after the first one knew a name.
constexpr absl::Duration kMomentForOthers = absl::Milliseconds(700);

bool IsWarmingUp(const absl::StatusOr<tracking::LookupResponse>& response) {
  const absl::Duration left = response.ok() ? response->warming_up : tracking::WarmUpOf(response.status());
  return left > absl::ZeroDuration();
}

}  // namespace

ContentFinder::ContentFinder(tracking::ContentKey wanted, size_t trackers, const FindingPatience& patience,
                             absl::Duration now)
    : by_name_(std::holds_alternative<std::string>(wanted)),
      patience_(patience),
      began_(now),
      heard_(trackers, Heard::kNothing),
      peers_(trackers) {}

void ContentFinder::Answer(size_t tracker, const absl::StatusOr<tracking::LookupResponse>& response,
                           absl::Duration now) {
  if (!response.ok() && response.status().code() != absl::StatusCode::kNotFound) {
    last_failure_ = response.status();
    if (heard_[tracker] == Heard::kNothing) heard_[tracker] = Heard::kFailure;
    return;
  }
  if (!response.ok() || response->contents.empty()) {
    heard_[tracker] = IsWarmingUp(response) ? Heard::kWarmingUp : Heard::kUnknown;
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
  peers_[tracker] = response->peers;
}

ContentFinder::Verdict ContentFinder::Decide(absl::Duration now) const {
  const bool all_heard = std::find(heard_.begin(), heard_.end(), Heard::kNothing) == heard_.end();
  if (!candidates_.empty()) {
    if (by_name_ && !all_heard && now < *first_known_ + kMomentForOthers) return Verdict::kOpen;
    return candidates_.size() == 1 ? Verdict::kFound : Verdict::kAmbiguous;
  }
  const bool unknown = trackers_unknowing() > 0;
  absl::Duration patience = patience_.unreachable;
  if (unknown) patience = trackers_warming_up() > 0 ? patience_.warming_up : patience_.unknown;
  // Without patience all have their one chance: each lookup ends with a response or a timeout.
  const bool impatient = patience_.unreachable == absl::ZeroDuration();
  if (!all_heard && (impatient || now < began_ + patience_.unreachable)) return Verdict::kOpen;
  if (now < began_ + patience) return Verdict::kOpen;
  return unknown ? Verdict::kNotFound : Verdict::kUnreachable;
}

uint32_t ContentFinder::trackers_unknowing() const {
  return Count(Heard::kUnknown) + Count(Heard::kWarmingUp);
}

uint32_t ContentFinder::trackers_warming_up() const {
  return Count(Heard::kWarmingUp);
}

uint32_t ContentFinder::Count(Heard heard) const {
  return static_cast<uint32_t>(std::count(heard_.begin(), heard_.end(), heard));
}

}  // namespace shoal::leecher
