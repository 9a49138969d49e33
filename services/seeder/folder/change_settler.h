#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "shoal/base/clock.h"

namespace shoal::seeder {

// Says when an entry of the shared folder has been left alone for long enough to be worth a look: each change
// puts the look off by the settle time, so that a file which is still being copied in is not hashed over and
// over. Knows names and times only; one thread.
class ChangeSettler {
 public:
  // `clock` must outlive it. A settle time of zero makes every change due at once.
  ChangeSettler(const Clock& clock, absl::Duration settle) : clock_(clock), settle_(settle) {}

  // `entry` has just changed: it is due when the settle time has passed without another change.
  void Changed(const std::string& entry) { DueIn(entry, settle_); }
  // A look at `entry` is due after `delay`, whatever was said of it before.
  void DueIn(const std::string& entry, absl::Duration delay);

  // The entries that are due, those that were due first in front. Each is forgotten here with that.
  std::vector<std::string> TakeDue();

  bool IsPending(const std::string& entry) const { return due_.contains(entry); }
  // How long until TakeDue yields something: zero when it would now, infinite when nothing is pending.
  absl::Duration UntilNextDue() const;

 private:
  const Clock& clock_;
  const absl::Duration settle_;
  absl::flat_hash_map<std::string, absl::Duration> due_;           // entry -> when, in the clock's uptime
  std::set<std::pair<absl::Duration, std::string>> in_due_order_;  // the same, by time
};

}  // namespace shoal::seeder
