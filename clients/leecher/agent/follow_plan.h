#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/time/time.h"
#include "clients/leecher/agent/agent_state.h"
#include "shoal/content/manifest/ids.h"

namespace shoal::leecher {

// What follow rules fetch and remove: names, and the versions of what is published under them. Pure.

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

}  // namespace shoal::leecher
