#include "clients/leecher/download/discovery/content_finder.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "shoal/content/manifest/id_prefix.h"
#include "shoal/tracking/messages/warm_up.h"

namespace shoal::leecher {
namespace {

// How long to wait for the other trackers after the first one knew a name.
constexpr absl::Duration kMomentForOthers = absl::Milliseconds(700);
// How long to wait for a trusted content while only untrusted ones have the name, also with a longer wait for
// an unknown one.
constexpr absl::Duration kUntrustedPatience = absl::Seconds(10);

bool IsWarmingUp(const absl::StatusOr<tracking::LookupResponse>& response) {
  const absl::Duration left = response.ok() ? response->warming_up : tracking::WarmUpOf(response.status());
  return left > absl::ZeroDuration();
}

}  // namespace

ContentFinder::ContentFinder(tracking::ContentKey wanted, size_t trackers, const FindingPatience& patience,
                             absl::Duration now, TrustedKeys trusted)
    : wanted_(std::move(wanted)),
      patience_(patience),
      began_(now),
      heard_(trackers, Heard::kNothing),
      trusted_(std::move(trusted)),
      peers_(trackers),
      peers_of_(trackers) {}

void ContentFinder::Answer(size_t tracker, const absl::StatusOr<tracking::LookupResponse>& response,
                           absl::Duration now) {
  if (!response.ok() && response.status().code() != absl::StatusCode::kNotFound) {
    last_failure_ = response.status();
    if (heard_[tracker] == Heard::kNothing) heard_[tracker] = Heard::kFailure;
    return;
  }
  if (!response.ok() || response->contents.empty()) {
    heard_[tracker] = IsWarmingUp(response) ? Heard::kWarmingUp : Heard::kUnknown;
    return;
  }
  bool known = false;
  for (const tracking::ContentStatus& content : response->contents) {
    if (trusted_.empty()) {
      Add(content, candidates_);
    } else if (const PublisherSignature* const signature = Newest(content)) {
      tracking::ContentStatus candidate = content;
      candidate.signatures = {*signature};
      Add(candidate, candidates_);
    } else {
      Add(content, untrusted_);
      continue;
    }
    known = true;
  }
  if (!known) {
    heard_[tracker] = IsWarmingUp(response) ? Heard::kWarmingUp : Heard::kUnknown;
    return;
  }
  heard_[tracker] = Heard::kKnown;
  if (!first_known_.has_value()) first_known_ = now;
  std::sort(candidates_.begin(), candidates_.end(),
            [this](const tracking::ContentStatus& a, const tracking::ContentStatus& b) {
              return TimeOf(a) > TimeOf(b);
            });
  peers_[tracker] = response->peers;
  peers_of_[tracker] = response->contents.front().summary.id;
}

void ContentFinder::Add(const tracking::ContentStatus& content,
                        std::vector<tracking::ContentStatus>& contents) const {
  const auto same = std::find_if(contents.begin(), contents.end(), [&](const tracking::ContentStatus& other) {
    return other.summary.id == content.summary.id;
  });
  if (same == contents.end()) {
    contents.push_back(content);
    return;
  }
  // The same peers, as another tracker counts them.
  same->first_seen = std::min(same->first_seen, content.first_seen);
  same->seeders = std::max(same->seeders, content.seeders);
  same->leechers = std::max(same->leechers, content.leechers);
  if (trusted_.empty()) {
    // Their number is bounded by how often trackers are asked before the content is found.
    for (const PublisherSignature& signature : content.signatures) {
      if (std::find(same->signatures.begin(), same->signatures.end(), signature) == same->signatures.end())
        same->signatures.push_back(signature);
    }
    return;
  }
  const auto newest = [](const tracking::ContentStatus& of) {
    absl::Time time = absl::InfinitePast();
    for (const PublisherSignature& signature : of.signatures) time = std::max(time, signature.time);
    return time;
  };
  if (newest(content) > newest(*same)) same->signatures = content.signatures;
}

const PublisherSignature* ContentFinder::Newest(const tracking::ContentStatus& content) const {
  // A tracker may lie: what it answers with is signed, and is another content of that publisher.
  const auto* const name = std::get_if<std::string>(&wanted_);
  const auto* const id = std::get_if<ContentId>(&wanted_);
  const std::optional<IdPrefix> prefix = name == nullptr ? std::nullopt : IdPrefix::Parse(*name);
  const bool wanted = (name == nullptr || *name == content.summary.name ||
                       (prefix.has_value() && prefix->Matches(content.summary.id))) &&
                      (id == nullptr || *id == content.summary.id);
  return wanted ? trusted_.Newest(content.signatures, content.summary.id, content.summary.name) : nullptr;
}

absl::Time ContentFinder::TimeOf(const tracking::ContentStatus& candidate) const {
  return trusted_.empty() ? candidate.first_seen : candidate.signatures.front().time;
}

ContentFinder::Verdict ContentFinder::Decide(absl::Duration now) const {
  const bool all_heard = std::find(heard_.begin(), heard_.end(), Heard::kNothing) == heard_.end();
  if (!candidates_.empty()) {
    const bool by_name = std::holds_alternative<std::string>(wanted_);
    if (by_name && !all_heard && now < *first_known_ + kMomentForOthers) return Verdict::kOpen;
    // Trusted publishers state when they signed. When a tracker first saw a content orders nothing.
    const bool clear =
        candidates_.size() == 1 || (!trusted_.empty() && TimeOf(candidates_[0]) > TimeOf(candidates_[1]));
    return clear ? Verdict::kFound : Verdict::kAmbiguous;
  }
  const bool unknown = trackers_unknowing() > 0;
  absl::Duration patience = patience_.unreachable;
  if (unknown) patience = trackers_warming_up() > 0 ? patience_.warming_up : patience_.unknown;
  if (!untrusted_.empty()) patience = std::min(patience, kUntrustedPatience);
  // Without patience all have their one chance: each lookup ends with a response or a timeout.
  const bool impatient = patience_.unreachable == absl::ZeroDuration();
  if (!all_heard && (impatient || now < began_ + patience_.unreachable)) return Verdict::kOpen;
  if (now < began_ + patience) return Verdict::kOpen;
  if (!untrusted_.empty()) return Verdict::kUntrusted;
  return unknown ? Verdict::kNotFound : Verdict::kUnreachable;
}

uint32_t ContentFinder::trackers_unknowing() const {
  return Count(Heard::kUnknown) + Count(Heard::kWarmingUp);
}

uint32_t ContentFinder::trackers_warming_up() const {
  return Count(Heard::kWarmingUp);
}

uint32_t ContentFinder::Count(Heard heard) const {
  return static_cast<uint32_t>(std::count(heard_.begin(), heard_.end(), heard));
}

}  // namespace shoal::leecher
