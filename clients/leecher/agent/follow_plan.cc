#include "clients/leecher/agent/follow_plan.h"

#include <fnmatch.h>

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/strip.h"

namespace shoal::leecher {

bool NameMatches(const std::string& glob, const std::string& name) {
  if (fnmatch(glob.c_str(), name.c_str(), 0) == 0) return true;
  absl::string_view folder = glob;
  if (!absl::ConsumeSuffix(&folder, "/*") && !absl::ConsumeSuffix(&folder, "/")) return false;
  return fnmatch(std::string(folder).c_str(), name.c_str(), 0) == 0;
}

FollowPlan PlanFollowing(const std::vector<FollowRule>& rules, const std::vector<OfferedContent>& offered,
                         const std::vector<FollowedContent>& followed,
                         const absl::flat_hash_set<ContentId>& forgotten) {
  FollowPlan plan;
  std::map<std::string, const OfferedContent*> newest;  // by name
  for (const OfferedContent& content : offered) {
    if (content.publishers == 0) continue;
    const OfferedContent*& best = newest[content.name];
    // Of two that were published at once, the same one on every machine.
    if (best == nullptr || std::pair(content.published, content.id) > std::pair(best->published, best->id)) {
      best = &content;
    }
  }
  std::map<std::string, std::vector<const FollowedContent*>> held;  // by name
  for (const FollowedContent& content : followed) held[content.name].push_back(&content);

  for (const auto& [name, content] : newest) {
    const auto rule = std::find_if(rules.begin(), rules.end(), [&, &its_name = name](const FollowRule& each) {
      return NameMatches(each.glob, its_name);
    });
    if (rule == rules.end()) continue;
    std::vector<const FollowedContent*>& versions = held[name];
    const bool there =
        std::any_of(versions.begin(), versions.end(),
                    [newest_id = content->id](const FollowedContent* each) { return each->id == newest_id; });
    if (!there && !forgotten.contains(content->id)) plan.fetch.push_back({*content, *rule});
    std::sort(versions.begin(), versions.end(), [](const FollowedContent* a, const FollowedContent* b) {
      return std::pair(a->completed, a->download) > std::pair(b->completed, b->download);
    });
    uint32_t kept = 0;
    for (const FollowedContent* version : versions) {
      const bool complete = version->completed != absl::InfinitePast();
      if (complete && kept < std::max(rule->keep_versions, 1u)) {
        ++kept;
      } else if (version->id != content->id && !version->pinned) {
        plan.remove.push_back(version->download);
      }
    }
  }
  return plan;
}

}  // namespace shoal::leecher
