#include "shoal/tracking/announce/announcer.h"

#include <algorithm>
#include <atomic>
#include <random>
#include <string>
#include <thread>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "shoal/base/mutex.h"
#include "shoal/tracking/announce/announce_schedule.h"
#include "shoal/tracking/announce/chunk_gain.h"

namespace shoal::tracking {
namespace {

constexpr absl::Duration kGoodbyeTimeout = absl::Seconds(1);
// Runs of gained chunks in one heartbeat, of one lease and of all together: what is more waits for the next
// heartbeat, or is told as a whole. Keeps the message well below a mebibyte.
constexpr size_t kMaxRangesPerLease = 4'000;
constexpr size_t kMaxRangesPerBeat = 20'000;
// The same for many registrations: their chunk sets may be large.
constexpr size_t kMaxRegisterBytes = 512 * 1024;
constexpr size_t kRegisterBytesBesides = 544;
constexpr size_t kEndpointBytes = 48;

// A content that is offered. `told` belongs to the announcer's thread; the rest does not change, but for
// `publishes`.
struct Offering {
  ContentSummary summary;
  Announcer::ProgressSource progress;
  uint32_t max_peers = 0;
  std::atomic<bool> publishes = false;
  std::optional<PublisherSignature> signature;
  ChunkSet told;  // what the tracker was told last
};
using OfferingPtr = std::shared_ptr<Offering>;

// A bad peer; the report waits for the next heartbeat of the content.
struct PendingReport {
  ContentId content;
  PeerId peer;
  PeerReport::Reason reason;

  friend bool operator==(const PendingReport&, const PendingReport&) = default;
};

class ThreadedAnnouncer final : public Announcer {
 public:
  ThreadedAnnouncer(std::shared_ptr<TrackerClient> client, Options options)
      : client_(std::move(client)),
        options_(std::move(options)),
        schedule_(std::random_device()()),
        thread_([this] { Run(); }) {}

  ~ThreadedAnnouncer() override {
    {
      MutexLock lock(&mutex_);
      stopping_ = true;
      changed_.NotifyAll();
    }
    thread_.join();
  }

  void Offer(const ContentSummary& content, ProgressSource progress, uint32_t max_peers, bool publishes,
             const std::optional<PublisherSignature>& signature) override {
    auto offering = std::make_shared<Offering>();
    offering->summary = content;
    offering->progress = std::move(progress);
    offering->max_peers = max_peers;
    offering->publishes = publishes;
    offering->signature = signature;
    offering->told = ChunkSet(content.chunk_count);
    MutexLock lock(&mutex_);
    offerings_[content.id] = std::move(offering);
    if (publishes) {
      EndOtherPublication(content);
    } else {
      ForgetPublication(content);
    }
    schedule_.Offer(content.id);
    changed_.NotifyAll();
  }

  void Withdraw(const ContentId& content) override {
    MutexLock lock(&mutex_);
    if (const auto found = offerings_.find(content); found != offerings_.end()) {
      ForgetPublication(found->second->summary);
      offerings_.erase(found);
    }
    std::erase_if(reports_, [&](const PendingReport& report) { return report.content == content; });
    schedule_.Withdraw(content);
    changed_.NotifyAll();
  }

  void Report(const ContentId& content, const PeerId& peer, PeerReport::Reason reason) override {
    MutexLock lock(&mutex_);
    const PendingReport report{content, peer, reason};
    if (!offerings_.contains(content) || reports_.size() >= kMaxReportsPerHeartbeat ||
        std::find(reports_.begin(), reports_.end(), report) != reports_.end()) {
      return;
    }
    reports_.push_back(report);
  }

  bool all_registered() const override {
    MutexLock lock(&mutex_);
    return schedule_.all_registered();
  }

 private:
  static absl::Duration Now() { return Clock::Real().Uptime(); }

  // Makes `content` the one that is published under its name. The earlier one is registered as re-seeded, so
  // that a restarted tracker learns the same, in whichever order the two are registered with it.
  void EndOtherPublication(const ContentSummary& content) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    ContentId& published = published_[content.name];
    const ContentId earlier = std::exchange(published, content.id);
    if (earlier == content.id || earlier.is_zero()) return;
    const auto found = offerings_.find(earlier);
    if (found == offerings_.end()) return;
    found->second->publishes = false;
    schedule_.RegisterAgain(earlier);
  }
  void ForgetPublication(const ContentSummary& content) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const auto published = published_.find(content.name);
    if (published != published_.end() && published->second == content.id) published_.erase(published);
  }

  void Run() {
    for (;;) {
      AnnounceSchedule::Action action = Await();
      if (auto* due = std::get_if<AnnounceSchedule::Register>(&action)) {
        DoRegister(due->contents);
      } else if (auto* beat = std::get_if<AnnounceSchedule::Heartbeat>(&action)) {
        DoHeartbeat(*beat);
      } else if (auto* leave = std::get_if<AnnounceSchedule::Leave>(&action)) {
        DoLeave(std::move(leave->leases));
      } else {
        return SayGoodbye();
      }
      ReportReachable();
    }
  }

  // What to do next, waiting until something is due; Wait when it is time to stop.
  AnnounceSchedule::Action Await() {
    MutexLock lock(&mutex_);
    while (!stopping_) {
      const absl::Duration now = Now();
      auto action = schedule_.Next(now);
      const auto* wait = std::get_if<AnnounceSchedule::Wait>(&action);
      if (wait == nullptr) return action;
      changed_.WaitFor(&mutex_, absl::ToChronoNanoseconds(std::min(wait->until - now, absl::Hours(1))));
    }
    return AnnounceSchedule::Wait{};
  }

  void DoRegister(const std::vector<ContentId>& contents) {
    std::vector<OfferingPtr> offerings;
    std::vector<ChunkSet> held;
    RegisterManyRequest request;
    for (const ContentId& content : contents) {
      // One that was withdrawn just now is an empty place: the schedule knows.
      const OfferingPtr offering = Find(content);
      offerings.push_back(offering);
      held.emplace_back();
      if (offering == nullptr) continue;
      Progress progress = offering->progress();
      request.registrations.push_back(
          RegisterRequest{options_.self.id(), options_.self.secret(), options_.endpoint, offering->summary,
                          progress.held, progress.free_slots, offering->max_peers, options_.site,
                          offering->publishes.load(), options_.other_endpoints, offering->signature});
      held.back() = std::move(progress.held);
    }
    const auto answers = CallRegister(request);
    std::vector<absl::StatusOr<RegisterResponse>> responses;
    size_t next = 0;
    for (size_t i = 0; i < offerings.size(); ++i) {
      if (offerings[i] == nullptr) {
        responses.emplace_back(absl::AbortedError("withdrawn"));
        continue;
      }
      responses.push_back(answers[next++]);
      if (responses.back().ok()) offerings[i]->told = std::move(held[i]);
    }
    std::vector<AnnounceSchedule::Verdict> verdicts;
    {
      MutexLock lock(&mutex_);
      verdicts = schedule_.OnRegister(responses, Now());
    }
    for (size_t i = 0; i < verdicts.size(); ++i) {
      if (offerings[i] != nullptr) Tell(*offerings[i], verdicts[i], responses[i]);
    }
  }

  // Hands on what its owner is to know of one registration.
  void Tell(const Offering& offering, AnnounceSchedule::Verdict verdict,
            const absl::StatusOr<RegisterResponse>& response) {
    switch (verdict) {
      case AnnounceSchedule::Verdict::kTaken:
        if (offering.max_peers > 0 && options_.on_peers)
          options_.on_peers(offering.summary.id, response->peers);
        break;
      case AnnounceSchedule::Verdict::kRejected:
      case AnnounceSchedule::Verdict::kPutOff:
        if (options_.on_rejected) options_.on_rejected(offering.summary, response.status());
        break;
      case AnnounceSchedule::Verdict::kStale:
      case AnnounceSchedule::Verdict::kPutOffAgain:
      case AnnounceSchedule::Verdict::kUnreachable:
        break;
    }
  }

  // One answer for each registration, in as many messages as their chunk sets need.
  std::vector<absl::StatusOr<RegisterResponse>> CallRegister(const RegisterManyRequest& request) {
    std::vector<absl::StatusOr<RegisterResponse>> answers;
    const auto& all = request.registrations;
    while (answers.size() < all.size()) {
      RegisterManyRequest message;
      size_t bytes = 0;
      for (size_t i = answers.size(); i < all.size(); ++i) {
        bytes += SizeOf(*all[i]);
        if (!message.registrations.empty() && bytes > kMaxRegisterBytes) break;
        message.registrations.push_back(all[i]);
      }
      const auto response = CallOnce(message);
      for (size_t i = 0; i < message.registrations.size(); ++i) {
        answers.push_back(response.ok() ? response->outcomes[i] : response.status());
      }
    }
    return answers;
  }

  absl::StatusOr<RegisterManyResponse> CallOnce(const RegisterManyRequest& message) {
    if (message.registrations.size() > 1) return client_->RegisterMany(message, options_.call_timeout);
    RegisterManyResponse response;
    response.outcomes.push_back(client_->Register(*message.registrations[0], options_.call_timeout));
    return response;
  }

  // At most, in a message.
  static size_t SizeOf(const RegisterRequest& request) {
    const size_t set = request.held.full() || request.held.empty() ? 0 : request.held.size() / 8;
    return kRegisterBytesBesides + kEndpointBytes * request.other_endpoints.size() +
           request.content.name.size() + request.site.size() + set;
  }

  void DoHeartbeat(const AnnounceSchedule::Heartbeat& due) {
    HeartbeatRequest request{options_.self.id(), options_.self.secret(), {}};
    request.leases.reserve(due.leases.size());
    std::vector<std::pair<OfferingPtr, ChunkSet>> told;  // once the tracker has it
    std::vector<ContentId> not_a_delta;
    size_t ranges = 0;
    for (const auto& [content, lease] : due.leases) {
      const OfferingPtr offering = Find(content);
      if (offering == nullptr) continue;  // withdrawn just now
      Progress progress = offering->progress();
      LeaseBeat& beat = request.leases.emplace_back();
      beat.lease_id = lease;
      beat.free_slots = progress.free_slots;
      beat.sent_bytes = progress.sent_bytes;
      beat.received_bytes = progress.received_bytes;
      beat.send_rate_bytes_per_second = progress.send_rate_bytes_per_second;
      beat.receive_rate_bytes_per_second = progress.receive_rate_bytes_per_second;
      auto gained = ChunksGained(offering->told, progress.held, kMaxRangesPerLease);
      if (!gained) {
        not_a_delta.push_back(content);
      } else if (!gained->empty() && ranges + gained->size() <= kMaxRangesPerBeat) {
        ranges += gained->size();
        beat.gained = *std::move(gained);
        told.emplace_back(offering, std::move(progress.held));
      }
    }
    const std::vector<PendingReport> reported = TakeReports(due, &request.reports);
    const auto response = client_->Heartbeat(request, options_.call_timeout);
    if (response.ok()) {
      for (auto& [offering, held] : told) offering->told = std::move(held);
    }
    MutexLock lock(&mutex_);
    if (!response.ok()) reports_.insert(reports_.begin(), reported.begin(), reported.end());
    schedule_.OnHeartbeat(response, Now());
    for (const ContentId& content : not_a_delta) schedule_.RegisterAgain(content);
  }

  // What is to be reported of the contents of this heartbeat, as the message says it.
  std::vector<PendingReport> TakeReports(const AnnounceSchedule::Heartbeat& due,
                                         std::vector<PeerReport>* out) {
    MutexLock lock(&mutex_);
    std::vector<PendingReport> taken;
    for (const auto& [content, lease] : due.leases) {
      if (reports_.empty()) break;
      for (const PendingReport& report : reports_) {
        if (report.content != content) continue;
        taken.push_back(report);
        out->push_back({lease, report.peer, report.reason});
      }
      std::erase_if(reports_, [&](const PendingReport& report) { return report.content == content; });
    }
    return taken;
  }

  void DoLeave(std::vector<LeaseId> leases) {
    const auto response = client_->Leave({options_.self.id(), options_.self.secret(), std::move(leases)},
                                         options_.call_timeout);
    MutexLock lock(&mutex_);
    schedule_.OnLeave(response.status(), Now());
  }

  // The destructor is waited for: a tracker that is away is not retried, and its leases lapse.
  void SayGoodbye() {
    {
      MutexLock lock(&mutex_);
      if (!schedule_.has_leases() || !schedule_.reachable().ok()) return;
    }
    client_
        ->Leave({options_.self.id(), options_.self.secret(), {}},
                std::min(kGoodbyeTimeout, options_.call_timeout))
        .IgnoreError();
  }

  void ReportReachable() {
    absl::Status now;
    {
      MutexLock lock(&mutex_);
      now = schedule_.reachable();
    }
    if (now.ok() == reported_reachable_) return;
    reported_reachable_ = now.ok();
    if (options_.on_reachable) options_.on_reachable(client_->url(), now);
  }

  OfferingPtr Find(const ContentId& content) {
    MutexLock lock(&mutex_);
    const auto found = offerings_.find(content);
    return found == offerings_.end() ? nullptr : found->second;
  }

  const std::shared_ptr<TrackerClient> client_;
  const Options options_;
  bool reported_reachable_ = true;  // the announcer's thread only

  mutable Mutex mutex_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  AnnounceSchedule schedule_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<ContentId, OfferingPtr> offerings_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, ContentId> published_ ABSL_GUARDED_BY(mutex_);  // by name
  std::vector<PendingReport> reports_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace

std::unique_ptr<Announcer> Announcer::Start(std::shared_ptr<TrackerClient> client, Options options) {
  return std::make_unique<ThreadedAnnouncer>(std::move(client), std::move(options));
}

}  // namespace shoal::tracking
