#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/time/time.h"
#include "clients/leecher/agent/agent_state.h"
#include "shoal/content/manifest/ids.h"

namespace shoal::leecher {

// What an agent fetches and removes by itself: the follow rules, their versions, and the disk budget. Pure.

// Whether `glob` matches the name of a content: fnmatch(3) without flags, so that '*' matches any characters.
// One that ends in "/" or "/*" matches the folder of that name as well.
bool NameMatches(const std::string& glob, const std::string& name);

// A content that trackers offer.
struct OfferedContent {
  ContentId id;
  std::string name;
  uint64_t length_bytes = 0;
  uint32_t publishers = 0;
  absl::Time published = absl::InfinitePast();  // when a peer last began to publish it
};

// A content that a rule brought, or is bringing.
struct FollowedContent {
  DownloadId download;
  ContentId id;
  std::string name;
  bool pinned = false;
  absl::Time completed = absl::InfinitePast();  // InfinitePast: it is not complete
};

struct FollowPlan {
  struct Fetch {
    OfferedContent content;
    FollowRule rule;
  };
  std::vector<Fetch> fetch;
  // Versions that newer ones have replaced, with their files.
  std::vector<DownloadId> remove;
};

// Decides what to fetch and what to remove. A name means what was published last; a content without a
// publisher is not fetched. The first rule that matches a name applies. Unfinished versions are removed once
// their name means another one; complete ones once `keep_versions` newer ones are complete. Pinned ones stay.
// `forgotten`: contents that are not fetched again.
FollowPlan PlanFollowing(const std::vector<FollowRule>& rules, const std::vector<OfferedContent>& offered,
                         const std::vector<FollowedContent>& followed,
                         const absl::flat_hash_set<ContentId>& forgotten);

// A content on the disk, as the budget sees it.
struct HeldContent {
  DownloadId download;
  uint64_t bytes = 0;
  absl::Time last_used;
  bool removable = false;  // complete, not pinned, not read at the moment
};

// Returns which contents to remove, least recently used first, so that `needed_bytes` more fit into
// `budget_bytes`. Nullopt: that is not possible, and nothing is to be removed.
std::optional<std::vector<DownloadId>> MakeRoom(std::vector<HeldContent> held, uint64_t needed_bytes,
                                                uint64_t budget_bytes);

}  // namespace shoal::leecher
