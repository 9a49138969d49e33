#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "clients/leecher/agent/agent_state.h"
#include "clients/leecher/agent/follow_plan.h"
#include "clients/leecher/agent/tracker_offers.h"
#include "clients/leecher/agent/viewer_feed.h"
#include "shoal/content/manifest/ids.h"
#include "shoal/content/manifest/publisher_signature.h"
#include "shoal/tracking/messages/messages.h"

namespace shoal::leecher {

// The follow rules of an agent, whose contents each of them trusts, and what they make of an offering. It
// neither fetches nor removes anything.
//
// Thread safety: one thread at a time.
class FollowRules {
 public:
  struct Options {
    std::vector<FollowRule> fixed;  // besides those of the state, which count more
    TrustedKeys trusted;            // of a rule without keys of its own; none: anybody
  };

  // `state` is read at each call; `feed` is told of contents that nobody trusted signed. Both outlive this.
  FollowRules(const AgentState* state, Options options, ViewerFeed* feed)
      : state_(state), options_(std::move(options)), feed_(feed) {}
  FollowRules(const FollowRules&) = delete;
  FollowRules& operator=(const FollowRules&) = delete;

  // The rules in the order in which they apply.
  std::vector<FollowRule> All() const;
  // Whose contents the rule fetches; `glob` of no rule: those of Options. None: anybody's.
  const TrustedKeys& KeysOf(const std::string& glob) const;
  // Whether the agent, or one of the rules, trusts the owner of the key.
  bool Trusts(const PublicKey& key) const;
  // What to fetch of the offering, and what to remove of the `followed` downloads: see PlanFollowing. A
  // content that a person added or removed is not fetched.
  FollowPlan Plan(const Offering& offering, const std::vector<FollowedContent>& followed);
  // A rule was changed: signatures are to be verified against its keys.
  void ForgetSignatures() { verified_.clear(); }

 private:
  const TrustedKeys& KeysOf(const FollowRule& rule) const {
    return rule.trusted.empty() ? options_.trusted : rule.trusted;
  }
  // When one of `keys` last signed the content; InfinitePast: none did.
  absl::Time SignedAt(const tracking::ContentStatus& content, const TrustedKeys& keys);

  const AgentState* const state_;
  const Options options_;
  ViewerFeed* const feed_;
  // Offered contents whose signatures were verified, so that this is not done each time they are offered.
  struct Verified {
    std::vector<PublisherSignature> signatures;
    absl::Time signed_at;  // as SignedAt
  };
  std::map<ContentId, Verified> verified_;
};

}  // namespace shoal::leecher
