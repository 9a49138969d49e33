#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "clients/leecher/agent/agent_state.h"
#include "shoal/base/clock.h"
#include "shoal/content/manifest/ids.h"

namespace shoal::leecher {

// A content on the disk, as the budget sees it.
struct HeldContent {
  DownloadId download;
  uint64_t bytes = 0;
  absl::Time last_used;
  bool removable = false;  // complete, not pinned, not read at the moment
};

// The room that an agent's contents may take on the disk: which of them go so that others fit, and which
// followed contents wait because nothing more can go. It removes nothing itself, and does not look at the
// disk.
//
// Thread safety: one thread at a time.
class DiskBudget {
 public:
  // A disk that was full may have room again after this time.
  static constexpr absl::Duration kRetryAfter = absl::Minutes(1);

  // 0 bytes: there is no budget. `clock` outlives this.
  DiskBudget(uint64_t bytes, const Clock* clock) : bytes_(bytes), clock_(clock) {}

  uint64_t bytes() const { return bytes_; }
  // Returns the contents to remove, least recently used first, so that `needed_bytes` more fit; nullopt if
  // that is not possible. Removes nothing itself.
  std::optional<std::vector<DownloadId>> MakeRoom(std::vector<HeldContent> held, uint64_t needed_bytes) const;

  // The content has no room, and waits for kRetryAfter.
  void Postpone(const ContentId& content) { waiting_until_[content] = clock_->Uptime() + kRetryAfter; }
  bool IsPostponed(const ContentId& content) const { return waiting_until_.contains(content); }
  // Ends the waiting of those whose time is over.
  void EndWaits();
  size_t postponed() const { return waiting_until_.size(); }

 private:
  const uint64_t bytes_;
  const Clock* const clock_;
  std::map<ContentId, absl::Duration> waiting_until_;  // uptime
};

}  // namespace shoal::leecher
