#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <random>
#include <utility>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "shoal/content/manifest/ids.h"
#include "shoal/tracking/messages/messages.h"

namespace shoal::tracking {

// The schedule of calls to one tracker: which contents are registered, which call is due, and what a response
// changes. Pure: it makes no calls, has no clock (every `now` is an uptime that never goes back) and draws
// its jitter from a seed. Thread safety: one thread.
//
// Heartbeats come before everything else, so that ten thousand contents waiting for registration starve no
// lease; then leases that end; then Register, many contents at a time. A tracker that can't be reached gets
// no call until the backoff has passed: 1 s doubling to 30 s, but at most a heartbeat interval once one is
// known, so that a restarted tracker is whole again within two; each drawn at random between half and the
// whole of it. A content that the tracker refuses for now has a backoff of its own.
class AnnounceSchedule {
 public:
  explicit AnnounceSchedule(uint64_t seed, size_t contents_per_register = kContentsPerRegister)
      : random_(seed), contents_per_register_(contents_per_register) {}

  // ---- What is offered.

  // Registers the content, and keeps its lease alive. For an offered content: registers it again.
  void Offer(const ContentId& content);
  void Withdraw(const ContentId& content);
  bool all_registered() const { return unregistered_ == 0; }
  // For a change that no heartbeat can express: registers the content again.
  void RegisterAgain(const ContentId& content);

  // ---- The next call. Each but Wait must be made, and its response passed in, before Next is called again.

  struct Wait {
    absl::Duration until;  // may be infinite: until Offer or Withdraw
  };
  struct Register {
    std::vector<ContentId> contents;
  };
  struct Heartbeat {
    std::vector<std::pair<ContentId, LeaseId>> leases;  // at most kMaxLeasesPerBeat
  };
  struct Leave {
    std::vector<LeaseId> leases;
  };
  using Action = std::variant<Wait, Register, Heartbeat, Leave>;
  Action Next(absl::Duration now);

  // ---- Responses of the tracker.

  enum class Verdict {
    kTaken,        // registered
    kStale,        // withdrawn or offered anew meanwhile: the answer applies to nothing
    kRejected,     // must not be offered again
    kPutOff,       // refused temporarily, for the first time since the last success
    kPutOffAgain,  // refused temporarily, as the time before
    kUnreachable,
  };
  // One response for each content, in their order; the verdicts are in the same order.
  std::vector<Verdict> OnRegister(const std::vector<absl::StatusOr<RegisterResponse>>& responses,
                                  absl::Duration now);
  void OnHeartbeat(const absl::StatusOr<HeartbeatResponse>& response, absl::Duration now);
  void OnLeave(const absl::Status& status, absl::Duration now);

  // Whether the tracker is reachable, by its last responses; OK until the opposite is known.
  const absl::Status& reachable() const { return reachable_; }
  // Returns whether the tracker may still hold a lease of this process, also one whose end was not announced
  // yet.
  bool has_leases() const { return !by_lease_.empty() || !leaving_.empty(); }

  // Below the limit of trackers, so that a message with all gained chunks has room, too.
  static constexpr size_t kMaxLeasesPerBeat = 5000;
  static constexpr size_t kMaxLeasesPerLeave = 1000;
  // Even with the longest names such a message passes a slow link within the time of a call.
  static constexpr size_t kContentsPerRegister = 250;

 private:
  enum class State { kQueued, kCalling, kLeased, kResting, kRejected };
  struct Entry {
    uint64_t generation = 0;  // of the offer
    State state = State::kQueued;
    LeaseId lease;  // 0: none
    int refusals = 0;
  };

  using Offered = std::pair<ContentId, uint64_t>;  // with the offer's generation

  Verdict OnRegister(const Offered& offered, const absl::StatusOr<RegisterResponse>& response,
                     bool known_away, absl::Duration now);
  void Enqueue(const ContentId& content, Entry* entry);
  void SetState(Entry* entry, State state);
  void SetLease(const ContentId& content, Entry* entry, LeaseId lease);
  std::vector<LeaseId> TakeBeat();  // the leases of the call in flight, which it no longer waits for
  void AskAgain(LeaseId lease);     // the tracker knows no such lease
  void NoteInterval(absl::Duration interval);
  void OnReachable() { reachable_ = absl::OkStatus(), failures_ = 0; }
  void OnUnreachable(const absl::Status& why, absl::Duration now);
  absl::Duration Backoff(int failures);
  std::optional<Heartbeat> NextHeartbeat(absl::Duration now);
  std::optional<Register> NextRegister(absl::Duration now);

  std::mt19937_64 random_;
  absl::flat_hash_map<ContentId, Entry> entries_;
  absl::flat_hash_map<LeaseId, ContentId> by_lease_;
  size_t unregistered_ = 0;  // entries that are neither leased nor rejected
  uint64_t next_generation_ = 1;

  const size_t contents_per_register_;
  std::deque<Offered> queue_;                       // to register
  std::multimap<absl::Duration, Offered> resting_;  // by when they are queued again
  std::deque<LeaseId> leaving_;
  std::vector<Offered> calling_;  // the Register in flight

  std::optional<absl::Duration> interval_;  // between heartbeats, as the tracker asked
  absl::Duration next_round_;               // when the next heartbeat begins
  std::deque<LeaseId> round_;               // leases that this heartbeat has still to name
  size_t beat_size_ = 0;                    // how many of them the call in flight names

  absl::Status reachable_;
  int failures_ = 0;
  absl::Duration quiet_until_;
};

}  // namespace shoal::tracking
