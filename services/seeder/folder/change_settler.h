#pragma once

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "shoal/base/clock.h"

namespace shoal::seeder {

// Schedules the examination of changed entries. Each change postpones an entry by the settle time, so that a
// file that is still being copied in is not examined again and again.
//
// Not responsible for: the disk. It knows names and times only.
// Thread safety: one thread.
class ChangeSettler {
 public:
  // Changes postpone an entry by this many settle times at most: one that changes all the time is examined
  // now and then, so that the file that never settles is known.
  static constexpr int kMostPostponements = 4;

  // Requires: `clock` outlives this. With a `settle` of zero every change is due at once.
  ChangeSettler(const Clock& clock, absl::Duration settle) : clock_(clock), settle_(settle) {}

  // Notes a change of `entry`: it is due when `settle` has passed without another change, or when it was
  // postponed for long enough.
  void Changed(const std::string& entry) {
    const absl::Duration now = clock_.Uptime();
    const auto pending = due_.find(entry);
    const absl::Duration latest =
        pending == due_.end() ? now + kMostPostponements * settle_ : pending->second.latest;
    Schedule(entry, {std::min(now + settle_, latest), latest});
  }

  // Makes `entry` due after `delay`, in place of an earlier due time.
  void DueIn(const std::string& entry, absl::Duration delay) {
    const absl::Duration when = clock_.Uptime() + delay;
    Schedule(entry, {when, when + kMostPostponements * settle_});
  }

  // Returns: the entries that are due, the earliest first. They are no longer pending.
  std::vector<std::string> TakeDue() {
    const absl::Duration now = clock_.Uptime();
    std::vector<std::string> taken;
    while (!in_due_order_.empty() && in_due_order_.begin()->first <= now) {
      taken.push_back(std::move(in_due_order_.extract(in_due_order_.begin()).value().second));
      due_.erase(taken.back());
    }
    return taken;
  }

  bool IsPending(const std::string& entry) const { return due_.contains(entry); }

  // Returns: the time until TakeDue has a result: zero if it has one now, infinite if nothing is pending.
  absl::Duration UntilNextDue() const {
    if (in_due_order_.empty()) return absl::InfiniteDuration();
    return std::max(absl::ZeroDuration(), in_due_order_.begin()->first - clock_.Uptime());
  }

 private:
  // In the clock's uptime.
  struct Due {
    absl::Duration when;
    absl::Duration latest;  // no change postpones it further
  };

  void Schedule(const std::string& entry, Due due) {
    const auto [found, is_new] = due_.try_emplace(entry, due);
    if (!is_new) {
      in_due_order_.erase({found->second.when, entry});
      found->second = due;
    }
    in_due_order_.emplace(due.when, entry);
  }

  const Clock& clock_;
  const absl::Duration settle_;
  absl::flat_hash_map<std::string, Due> due_;
  std::set<std::pair<absl::Duration, std::string>> in_due_order_;  // the same, by time
};

}  // namespace shoal::seeder
