#include "services/seeder/folder/change_settler.h"

#include <algorithm>

namespace shoal::seeder {

void ChangeSettler::DueIn(const std::string& entry, absl::Duration delay) {
  const absl::Duration when = clock_.Uptime() + delay;
  const auto [found, is_new] = due_.try_emplace(entry, when);
  if (!is_new) {
    in_due_order_.erase({found->second, entry});
    found->second = when;
  }
  in_due_order_.emplace(when, entry);
}

std::vector<std::string> ChangeSettler::TakeDue() {
  const absl::Duration now = clock_.Uptime();
  std::vector<std::string> taken;
  while (!in_due_order_.empty() && in_due_order_.begin()->first <= now) {
    taken.push_back(std::move(in_due_order_.extract(in_due_order_.begin()).value().second));
    due_.erase(taken.back());
  }
  return taken;
}

absl::Duration ChangeSettler::UntilNextDue() const {
  if (in_due_order_.empty()) return absl::InfiniteDuration();
  return std::max(absl::ZeroDuration(), in_due_order_.begin()->first - clock_.Uptime());
}

}  // namespace shoal::seeder
