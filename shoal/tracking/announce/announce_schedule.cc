#include "shoal/tracking/announce/announce_schedule.h"

#include <algorithm>

namespace shoal::tracking {
namespace {

constexpr absl::Duration kFirstBackoff = absl::Seconds(1);
constexpr absl::Duration kMaxBackoff = absl::Seconds(30);
// No tracker may make a client spin.
constexpr absl::Duration kMinInterval = absl::Milliseconds(100);

// What an error says about: this content for good, this content for now, or the tracker.
enum class Blame { kContent, kContentForNow, kTracker };

Blame BlameOf(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kInvalidArgument:
      return Blame::kContent;
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kPermissionDenied:  // an operator may reserve a name, or limit a token, otherwise
      return Blame::kContentForNow;
    default:
      return Blame::kTracker;
  }
}

}  // namespace

void AnnounceSchedule::Offer(const ContentId& content) {
  const auto [found, added] = entries_.try_emplace(content);
  Entry& entry = found->second;
  if (added) ++unregistered_;
  entry.refusals = 0;
  Enqueue(content, &entry);
}

void AnnounceSchedule::Withdraw(const ContentId& content) {
  const auto found = entries_.find(content);
  if (found == entries_.end()) return;
  Entry& entry = found->second;
  SetState(&entry, State::kRejected);  // it no longer counts as unregistered
  if (entry.lease != LeaseId()) leaving_.push_back(entry.lease);
  SetLease(content, &entry, LeaseId());
  entries_.erase(found);
}

void AnnounceSchedule::RegisterAgain(const ContentId& content) {
  const auto found = entries_.find(content);
  if (found == entries_.end()) return;
  const State state = found->second.state;
  // A registration that is under way was made before the change.
  if (state == State::kLeased || state == State::kCalling) Enqueue(content, &found->second);
}

AnnounceSchedule::Action AnnounceSchedule::Next(absl::Duration now) {
  if (now < quiet_until_) return Wait{quiet_until_};
  if (auto heartbeat = NextHeartbeat(now)) return *std::move(heartbeat);
  if (!leaving_.empty()) {
    const auto end =
        leaving_.begin() + static_cast<std::ptrdiff_t>(std::min(leaving_.size(), kMaxLeasesPerLeave));
    Leave leave{{leaving_.begin(), end}};
    leaving_.erase(leaving_.begin(), end);
    return leave;
  }
  if (auto next = NextRegister(now)) return *next;
  absl::Duration until = absl::InfiniteDuration();
  if (!by_lease_.empty()) until = next_round_;
  if (!resting_.empty()) until = std::min(until, resting_.begin()->first);
  return Wait{until};
}

std::optional<AnnounceSchedule::Heartbeat> AnnounceSchedule::NextHeartbeat(absl::Duration now) {
  if (round_.empty() && !by_lease_.empty() && now >= next_round_) {
    for (const auto& [lease, content] : by_lease_) round_.push_back(lease);
    // A little early, and not always the same, so that a thousand peers that one restart has synchronised
    // spread out.
    next_round_ = now + *interval_ * std::uniform_real_distribution<double>(0.8, 1.0)(random_);
  }
  Heartbeat heartbeat;
  beat_size_ = 0;
  while (beat_size_ < round_.size() && heartbeat.leases.size() < kMaxLeasesPerBeat) {
    const LeaseId lease = round_[beat_size_++];
    const auto found = by_lease_.find(lease);
    if (found != by_lease_.end()) heartbeat.leases.emplace_back(found->second, lease);
  }
  if (heartbeat.leases.empty()) {
    round_.clear();
    return std::nullopt;
  }
  return heartbeat;
}

std::optional<AnnounceSchedule::Register> AnnounceSchedule::NextRegister(absl::Duration now) {
  while (!resting_.empty() && resting_.begin()->first <= now) {
    queue_.push_back(resting_.begin()->second);
    resting_.erase(resting_.begin());
  }
  calling_.clear();
  Register next;
  while (!queue_.empty() && calling_.size() < contents_per_register_) {
    const Offered offered = queue_.front();
    queue_.pop_front();
    const auto found = entries_.find(offered.first);
    if (found == entries_.end() || found->second.generation != offered.second) continue;
    SetState(&found->second, State::kCalling);
    calling_.push_back(offered);
    next.contents.push_back(offered.first);
  }
  if (calling_.empty()) return std::nullopt;
  return next;
}

std::vector<AnnounceSchedule::Verdict> AnnounceSchedule::OnRegister(
    const std::vector<absl::StatusOr<RegisterResponse>>& responses, absl::Duration now) {
  std::vector<Verdict> verdicts;
  const std::vector<Offered> called = std::move(calling_);
  calling_.clear();
  bool away = false;  // however many contents such a tracker is asked about, it is away once
  for (size_t i = 0; i < called.size() && i < responses.size(); ++i) {
    verdicts.push_back(OnRegister(called[i], responses[i], away, now));
    away = away || verdicts.back() == Verdict::kUnreachable;
  }
  return verdicts;
}

AnnounceSchedule::Verdict AnnounceSchedule::OnRegister(const Offered& offered,
                                                       const absl::StatusOr<RegisterResponse>& response,
                                                       bool known_away, absl::Duration now) {
  const auto found = entries_.find(offered.first);
  Entry* const entry = found == entries_.end() ? nullptr : &found->second;
  const bool current = entry != nullptr && entry->generation == offered.second;
  if (response.ok()) {
    OnReachable();
    NoteInterval(response->heartbeat_interval);
    next_round_ = by_lease_.empty() ? now + *interval_ : std::min(next_round_, now + *interval_);
    if (entry == nullptr) {
      // The tracker gives a peer one lease per content: this one is gone now.
      leaving_.push_back(response->lease_id);
      return Verdict::kStale;
    }
    SetLease(offered.first, entry, response->lease_id);
    if (!current) return Verdict::kStale;
    SetState(entry, State::kLeased);
    entry->refusals = 0;
    return Verdict::kTaken;
  }

  if (entry == nullptr) return Verdict::kStale;
  const Blame blame = BlameOf(response.status().code());
  if (blame == Blame::kTracker) {
    if (!known_away) OnUnreachable(response.status(), now);
    if (current) Enqueue(offered.first, entry);
    return Verdict::kUnreachable;
  }
  OnReachable();
  if (!current) return Verdict::kStale;
  if (blame == Blame::kContent) {
    SetState(entry, State::kRejected);
    SetLease(offered.first, entry, LeaseId());
    return Verdict::kRejected;
  }
  SetState(entry, State::kResting);
  resting_.emplace(now + Backoff(entry->refusals), offered);
  return entry->refusals++ == 0 ? Verdict::kPutOff : Verdict::kPutOffAgain;
}

void AnnounceSchedule::OnHeartbeat(const absl::StatusOr<HeartbeatResponse>& response, absl::Duration now) {
  if (BlameOf(response.status().code()) == Blame::kContent) {
    // One of these leases is not what the tracker thinks it is; Register will say which.
    OnReachable();
    for (const LeaseId lease : TakeBeat()) AskAgain(lease);
    return;
  }
  if (!response.ok()) {
    OnUnreachable(response.status(), now);
    // All of it again, as soon as the tracker is back.
    round_.clear();
    next_round_ = now;
    return;
  }
  OnReachable();
  TakeBeat();
  NoteInterval(response->heartbeat_interval);
  next_round_ = std::min(next_round_, now + *interval_);
  // A round that takes longer than the interval (many leases, a long way) leaves time for other calls all the
  // same.
  if (round_.empty()) next_round_ = std::max(next_round_, now + *interval_ / 2);
  for (const LeaseId lease : response->register_again) AskAgain(lease);
}

std::vector<LeaseId> AnnounceSchedule::TakeBeat() {
  const auto end = round_.begin() + static_cast<std::ptrdiff_t>(std::min(beat_size_, round_.size()));
  std::vector<LeaseId> taken(round_.begin(), end);
  round_.erase(round_.begin(), end);
  beat_size_ = 0;
  return taken;
}

void AnnounceSchedule::AskAgain(LeaseId lease) {
  const auto found = by_lease_.find(lease);
  if (found == by_lease_.end()) return;
  const ContentId content = found->second;
  Entry& entry = entries_.at(content);
  SetLease(content, &entry, LeaseId());
  if (entry.state == State::kLeased) Enqueue(content, &entry);
}

void AnnounceSchedule::OnLeave(const absl::Status& status, absl::Duration now) {
  // Not tried again: a lease that no heartbeat names lapses by itself.
  if (!status.ok() && BlameOf(status.code()) == Blame::kTracker) return OnUnreachable(status, now);
  OnReachable();
}

void AnnounceSchedule::Enqueue(const ContentId& content, Entry* entry) {
  entry->generation = next_generation_++;
  SetState(entry, State::kQueued);
  queue_.emplace_back(content, entry->generation);
}

void AnnounceSchedule::SetState(Entry* entry, State state) {
  const auto counts = [](State s) { return s != State::kLeased && s != State::kRejected; };
  if (counts(entry->state)) --unregistered_;
  if (counts(state)) ++unregistered_;
  entry->state = state;
}

void AnnounceSchedule::SetLease(const ContentId& content, Entry* entry, LeaseId lease) {
  if (entry->lease != LeaseId()) by_lease_.erase(entry->lease);
  entry->lease = lease;
  if (lease != LeaseId()) by_lease_.insert_or_assign(lease, content);
}

void AnnounceSchedule::NoteInterval(absl::Duration interval) {
  interval_ = std::max(interval, kMinInterval);
}

void AnnounceSchedule::OnUnreachable(const absl::Status& why, absl::Duration now) {
  reachable_ = why;
  quiet_until_ = now + Backoff(failures_++);
}

absl::Duration AnnounceSchedule::Backoff(int failures) {
  absl::Duration whole = std::min(kMaxBackoff, kFirstBackoff * (1 << std::min(failures, 5)));
  if (interval_) whole = std::min(whole, std::max(kFirstBackoff, *interval_));
  return whole * std::uniform_real_distribution<double>(0.5, 1.0)(random_);
}

}  // namespace shoal::tracking
