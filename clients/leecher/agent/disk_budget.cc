#include "clients/leecher/agent/disk_budget.h"

#include <algorithm>
#include <utility>

namespace shoal::leecher {

std::optional<std::vector<DownloadId>> DiskBudget::MakeRoom(std::vector<HeldContent> held,
                                                            uint64_t needed_bytes) const {
  std::vector<DownloadId> remove;
  if (bytes_ == 0) return remove;
  uint64_t used = 0;
  for (const HeldContent& content : held) used += content.bytes;
  std::sort(held.begin(), held.end(), [](const HeldContent& a, const HeldContent& b) {
    return std::pair(a.last_used, a.download) < std::pair(b.last_used, b.download);
  });
  const auto fits = [&] { return needed_bytes <= bytes_ && used <= bytes_ - needed_bytes; };
  for (const HeldContent& content : held) {
    if (fits()) break;
    if (!content.removable) continue;
    used -= content.bytes;
    remove.push_back(content.download);
  }
  if (!fits()) return std::nullopt;
  return remove;
}

void DiskBudget::EndWaits() {
  const absl::Duration now = clock_->Uptime();
  std::erase_if(waiting_until_, [&](const auto& entry) { return entry.second <= now; });
}

}  // namespace shoal::leecher
