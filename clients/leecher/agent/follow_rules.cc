#include "clients/leecher/agent/follow_rules.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"

namespace shoal::leecher {

std::vector<FollowRule> FollowRules::All() const {
  std::vector<FollowRule> rules;
  for (const auto& [glob, rule] : state_->follows) rules.push_back(rule);
  for (const FollowRule& rule : options_.fixed) {
    if (!state_->follows.contains(rule.glob)) rules.push_back(rule);
  }
  return rules;
}

const TrustedKeys& FollowRules::KeysOf(const std::string& glob) const {
  if (const auto rule = state_->follows.find(glob); rule != state_->follows.end())
    return KeysOf(rule->second);
  for (const FollowRule& rule : options_.fixed) {
    if (rule.glob == glob) return KeysOf(rule);
  }
  return options_.trusted;
}

bool FollowRules::Trusts(const PublicKey& key) const {
  const std::vector<FollowRule> rules = All();
  return options_.trusted.keys().contains(key) ||
         std::any_of(rules.begin(), rules.end(),
                     [&](const FollowRule& rule) { return rule.trusted.keys().contains(key); });
}

FollowPlan FollowRules::Plan(const Offering& offering, const std::vector<FollowedContent>& followed) {
  const std::vector<FollowRule> rules = All();
  std::vector<OfferedContent> offered;
  for (const Offer& offer : *offering) {
    const tracking::ContentStatus& content = offer.content;
    const auto rule = std::find_if(rules.begin(), rules.end(), [&](const FollowRule& each) {
      return NameMatches(each.glob, content.summary.name);
    });
    if (rule == rules.end()) continue;
    absl::Time published = content.published;
    if (const TrustedKeys& keys = KeysOf(*rule); !keys.empty()) {
      published = SignedAt(content, keys);
      if (published == absl::InfinitePast()) continue;
    }
    offered.push_back({content.summary.id, content.summary.name, content.summary.length_bytes,
                       content.publishers, published});
  }
  std::erase_if(verified_, [&](const auto& known) {
    return std::none_of(offering->begin(), offering->end(),
                        [&](const Offer& offer) { return offer.content.summary.id == known.first; });
  });
  absl::flat_hash_set<ContentId> not_again(state_->forgotten.begin(), state_->forgotten.end());
  // What a person added is there already.
  for (const auto& [id, saved] : state_->downloads) not_again.insert(saved.content_id);
  return PlanFollowing(rules, offered, followed, not_again);
}

absl::Time FollowRules::SignedAt(const tracking::ContentStatus& content, const TrustedKeys& keys) {
  const auto known = verified_.find(content.summary.id);
  if (known != verified_.end() && known->second.signatures == content.signatures) {
    return known->second.signed_at;
  }
  const auto* const signature = keys.Newest(content.signatures, content.summary.id, content.summary.name);
  const absl::Time signed_at = signature != nullptr ? signature->time : absl::InfinitePast();
  if (signature == nullptr) {
    const std::string what =
        absl::StrCat(content.summary.name, " (", content.summary.id.ShortHex(), ") is not fetched: it");
    feed_->Tell(DownloadId(), "warning", std::string(UntrustedContent(what, content.signatures).message()));
  }
  verified_[content.summary.id] = {content.signatures, signed_at};
  return signed_at;
}

}  // namespace shoal::leecher
