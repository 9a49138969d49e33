#include "shoal/tracking/announce/announcer.h"

#include <atomic>
#include <deque>
#include <functional>
#include <future>
#include <map>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "shoal/base/mutex.h"
#include "shoal/tracking/messages/sample_messages.h"

namespace shoal::tracking {
namespace {

// What a call said, in the order of the calls.
using Call = std::variant<RegisterRequest, HeartbeatRequest, LeaveRequest>;

// A tracker that does as it is told and notes its calls. Outlives the client. Thread-safe.
class FakeTracker {
 public:
  // Waits for the next call that is of type `Wanted`, forgetting others before it.
  template <typename Wanted>
  Wanted Await() {
    MutexLock lock(&mutex_);
    for (;;) {
      while (calls_.empty()) changed_.Wait(&mutex_);
      Call call = std::move(calls_.front());
      calls_.pop_front();
      if (auto* wanted = std::get_if<Wanted>(&call)) return std::move(*wanted);
    }
  }

  void AnswerRegister(absl::Status status) {
    Set([&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { register_status_ = std::move(status); });
  }
  void AnswerHeartbeat(absl::Status status) {
    Set([&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { heartbeat_status_ = std::move(status); });
  }
  void ForgetLeases() {
    Set([&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { forgotten_ = true; });
  }

  absl::StatusOr<RegisterResponse> Register(const RegisterRequest& request) {
    MutexLock lock(&mutex_);
    Note(request);
    if (!register_status_.ok()) return register_status_;
    return RegisterResponse{
        LeaseId(++last_lease_), absl::Seconds(30), absl::Milliseconds(100), {sample::Info(3)}};
  }

  absl::StatusOr<HeartbeatResponse> Heartbeat(const HeartbeatRequest& request) {
    MutexLock lock(&mutex_);
    Note(request);
    if (!heartbeat_status_.ok()) return heartbeat_status_;
    HeartbeatResponse response{absl::Seconds(30), absl::Milliseconds(100), {}};
    if (std::exchange(forgotten_, false)) {
      for (const LeaseBeat& beat : request.leases) response.register_again.push_back(beat.lease_id);
    }
    return response;
  }

  absl::StatusOr<LeaveResponse> Leave(const LeaveRequest& request) {
    MutexLock lock(&mutex_);
    Note(request);
    return LeaveResponse{1};
  }

 private:
  template <typename Change>
  void Set(Change change) {
    MutexLock lock(&mutex_);
    change();
  }

  void Note(Call call) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    calls_.push_back(std::move(call));
    changed_.NotifyAll();
  }

  Mutex mutex_;
  CondVar changed_;
  std::deque<Call> calls_ ABSL_GUARDED_BY(mutex_);
  absl::Status register_status_ ABSL_GUARDED_BY(mutex_);
  absl::Status heartbeat_status_ ABSL_GUARDED_BY(mutex_);
  bool forgotten_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t last_lease_ ABSL_GUARDED_BY(mutex_) = 0;
};

class FakeClient final : public TrackerClient {
 public:
  explicit FakeClient(FakeTracker* tracker) : tracker_(tracker) {}
  absl::StatusOr<RegisterResponse> Register(const RegisterRequest& request, absl::Duration) override {
    return tracker_->Register(request);
  }
  absl::StatusOr<HeartbeatResponse> Heartbeat(const HeartbeatRequest& request, absl::Duration) override {
    return tracker_->Heartbeat(request);
  }
  absl::StatusOr<LookupResponse> Lookup(const LookupRequest&, absl::Duration) override {
    return absl::UnimplementedError("an announcer does not ask");
  }
  absl::StatusOr<ListContentsResponse> ListContents(const ListContentsRequest&, absl::Duration) override {
    return absl::UnimplementedError("an announcer does not ask");
  }
  absl::StatusOr<GetSwarmResponse> GetSwarm(const ContentKey&, absl::Duration) override {
    return absl::UnimplementedError("an announcer does not ask");
  }
  absl::StatusOr<LeaveResponse> Leave(const LeaveRequest& request, absl::Duration timeout) override {
    EXPECT_LE(timeout, absl::Seconds(5));
    return tracker_->Leave(request);
  }
  const TrackerUrl& url() const override { return url_; }

 private:
  FakeTracker* const tracker_;
  const TrackerUrl url_{TrackerUrl::Protocol::kGrpc, {"tracker", 1}};
};

// What the callbacks were told, one after the other.
template <typename Value>
class Told {
 public:
  void Add(Value value) {
    MutexLock lock(&mutex_);
    values_.push_back(std::move(value));
    changed_.NotifyAll();
  }
  Value Await() {
    MutexLock lock(&mutex_);
    while (values_.empty()) changed_.Wait(&mutex_);
    Value value = std::move(values_.front());
    values_.pop_front();
    return value;
  }
  bool empty() {
    MutexLock lock(&mutex_);
    return values_.empty();
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::deque<Value> values_ ABSL_GUARDED_BY(mutex_);
};

class AnnouncerTest : public ::testing::Test {
 protected:
  void Start() {
    Announcer::Options options;
    options.self = PeerIdentity(sample::Secret(1));
    options.endpoint = sample::At(1);
    options.other_endpoints = {sample::At(2)};
    options.site = "berlin/7";
    options.on_reachable = [this](const TrackerUrl&, const absl::Status& status) { reachable_.Add(status); };
    // A status of its own: Debian's Abseil is not instrumented, and ThreadSanitizer takes two threads' copies
    // of one status for a race.
    options.on_rejected = [this](const ContentSummary&, const absl::Status& why) {
      rejected_.Add(absl::Status(why.code(), why.message()));
    };
    options.on_peers = [this](const ContentId&, const std::vector<PeerInfo>& peers) { peers_.Add(peers); };
    announcer_ = Announcer::Start(std::make_unique<FakeClient>(&tracker_), options);
  }

  static Announcer::ProgressSource Holding(ChunkSet held) {
    return [held] { return Announcer::Progress{held, 4, 10, 20, 30, 40}; };
  }

  FakeTracker tracker_;
  Told<absl::Status> reachable_;
  Told<absl::Status> rejected_;
  Told<std::vector<PeerInfo>> peers_;
  std::unique_ptr<Announcer> announcer_;
};

TEST_F(AnnouncerTest, RegistersOfferedContentsAndDeliversPeers) {
  Start();
  EXPECT_TRUE(announcer_->all_registered());
  announcer_->Offer(sample::Summary(1), Holding(sample::Held()), 50);
  const RegisterRequest request = tracker_.Await<RegisterRequest>();
  EXPECT_EQ(request.peer_id, sample::Peer(1));
  EXPECT_EQ(request.peer_secret, sample::Secret(1));
  EXPECT_EQ(request.endpoint, sample::At(1));
  EXPECT_EQ(request.content, sample::Summary(1));
  EXPECT_EQ(request.held, sample::Held());
  EXPECT_EQ(request.max_peers, 50u);
  EXPECT_EQ(request.site, "berlin/7");
  EXPECT_EQ(peers_.Await(), std::vector<PeerInfo>{sample::Info(3)});
  EXPECT_TRUE(announcer_->all_registered());
  EXPECT_TRUE(reachable_.empty()) << "reachable is what is expected: nothing to report";
}

TEST_F(AnnouncerTest, ReportsAreSentUntilOneHeartbeatSucceeds) {
  Start();
  announcer_->Offer(sample::Summary(1), Holding(sample::Held()), 0);
  tracker_.Await<RegisterRequest>();
  tracker_.AnswerHeartbeat(absl::UnavailableError("away"));
  announcer_->Report(sample::Content(1), sample::Peer(2), PeerReport::Reason::kLying);
  announcer_->Report(sample::Content(1), sample::Peer(2), PeerReport::Reason::kLying);
  announcer_->Report(sample::Content(9), sample::Peer(2), PeerReport::Reason::kDead);  // not offered
  HeartbeatRequest beat;
  while (beat.reports.empty()) beat = tracker_.Await<HeartbeatRequest>();
  EXPECT_EQ(beat.reports,
            (std::vector<PeerReport>{{LeaseId(1), sample::Peer(2), PeerReport::Reason::kLying}}));
  tracker_.AnswerHeartbeat(absl::OkStatus());
  do {
    beat = tracker_.Await<HeartbeatRequest>();
  } while (beat.reports.empty());
  // It may have gone out once more before the answer was a good one; then no more.
  while (!beat.reports.empty()) beat = tracker_.Await<HeartbeatRequest>();
}

TEST_F(AnnouncerTest, PublishesTheNewestContentOfANameOnly) {
  Start();
  ContentSummary newer = sample::Summary(2);
  announcer_->Offer(sample::Summary(1), Holding(sample::Held()), 0, /*publishes=*/true);
  EXPECT_TRUE(tracker_.Await<RegisterRequest>().publishes);
  announcer_->Offer(newer, Holding(sample::Held()), 0, /*publishes=*/true);
  std::map<ContentId, bool> publishes;
  for (int i = 0; i < 2; ++i) {
    const RegisterRequest request = tracker_.Await<RegisterRequest>();
    publishes[request.content.id] = request.publishes;
  }
  EXPECT_EQ(publishes, (std::map<ContentId, bool>{{sample::Content(1), false}, {sample::Content(2), true}}));

  // The earlier one again, as when a file is restored.
  announcer_->Offer(sample::Summary(1), Holding(sample::Held()), 0, /*publishes=*/true);
  publishes.clear();
  for (int i = 0; i < 2; ++i) {
    const RegisterRequest request = tracker_.Await<RegisterRequest>();
    publishes[request.content.id] = request.publishes;
  }
  EXPECT_EQ(publishes, (std::map<ContentId, bool>{{sample::Content(1), true}, {sample::Content(2), false}}));
}

TEST_F(AnnouncerTest, PassesTheSignatureOnEachTime) {
  Start();
  const PublisherSignature signature = PublisherSignature::Make(
      SigningKey::Generate(), sample::Content(1), "content.bin", absl::FromUnixMillis(1'700'000'000'123));
  announcer_->Offer(sample::Summary(1), Holding(sample::Held()), 0, /*publishes=*/true, signature);
  EXPECT_EQ(tracker_.Await<RegisterRequest>().signature, signature);
  ContentSummary newer = sample::Summary(2);
  announcer_->Offer(newer, Holding(sample::Held()), 0, /*publishes=*/true);
  for (int i = 0; i < 2; ++i) {
    const RegisterRequest request = tracker_.Await<RegisterRequest>();
    EXPECT_EQ(request.signature.has_value(), request.content.id == sample::Content(1));
  }
}

TEST_F(AnnouncerTest, ReseedsUnlessToldOtherwiseAndNamesAllItsAddresses) {
  Start();
  announcer_->Offer(sample::Summary(1), Holding(sample::Held()), 0);
  const RegisterRequest request = tracker_.Await<RegisterRequest>();
  EXPECT_FALSE(request.publishes);
  EXPECT_EQ(request.other_endpoints, std::vector{sample::At(2)});
}

TEST_F(AnnouncerTest, HeartbeatsCarryChunksGainedSinceThePreviousOne) {
  auto held = std::make_shared<std::pair<Mutex, ChunkSet>>();
  held->second = ChunkSet(100);
  const auto gain = [held](uint32_t chunk) {
    MutexLock lock(&held->first);
    held->second.Insert(ChunkIndex(chunk));
  };
  gain(1);
  Start();
  announcer_->Offer(
      sample::Summary(1),
      [held] {
        MutexLock lock(&held->first);
        return Announcer::Progress{held->second, 4, 10, 20, 30, 40};
      },
      0);
  EXPECT_EQ(tracker_.Await<RegisterRequest>().held.count(), 1u);
  gain(2);
  gain(3);
  std::vector<ChunkRange> gained;
  while (gained.empty()) {
    const HeartbeatRequest beat = tracker_.Await<HeartbeatRequest>();
    ASSERT_EQ(beat.leases.size(), 1u);
    EXPECT_EQ(beat.leases[0].lease_id, LeaseId(1));
    EXPECT_EQ(beat.leases[0].sent_bytes, 10u);
    gained = beat.leases[0].gained;
  }
  // Chunk 2 may have gone out in a heartbeat before chunk 3 was there.
  if (gained == std::vector<ChunkRange>{{ChunkIndex(2), 1}}) {
    do {
      gained = tracker_.Await<HeartbeatRequest>().leases[0].gained;
    } while (gained.empty());
    EXPECT_EQ(gained, (std::vector<ChunkRange>{{ChunkIndex(3), 1}}));
  } else {
    EXPECT_EQ(gained, (std::vector<ChunkRange>{{ChunkIndex(2), 2}}));
  }
  EXPECT_TRUE(tracker_.Await<HeartbeatRequest>().leases[0].gained.empty());
}

TEST_F(AnnouncerTest, AGainInAFailedHeartbeatIsSentAgain) {
  auto full = std::make_shared<std::atomic<bool>>(false);
  tracker_.AnswerHeartbeat(absl::ResourceExhaustedError("busy"));
  Start();
  announcer_->Offer(
      sample::Summary(1),
      [full] { return Announcer::Progress{.held = *full ? ChunkSet::All(100) : ChunkSet(100)}; }, 0);
  EXPECT_EQ(tracker_.Await<RegisterRequest>().held.count(), 0u);
  *full = true;
  const std::vector<ChunkRange> all = {{ChunkIndex(0), 100}};
  while (tracker_.Await<HeartbeatRequest>().leases[0].gained != all) {
  }
  tracker_.AnswerHeartbeat(absl::OkStatus());
  EXPECT_EQ(tracker_.Await<HeartbeatRequest>().leases[0].gained, all);
  while (!tracker_.Await<HeartbeatRequest>().leases[0].gained.empty()) {
  }
}

TEST_F(AnnouncerTest, RegistersAgainAtATrackerThatForgot) {
  Start();
  announcer_->Offer(sample::Summary(1), Holding(ChunkSet::All(100)), 0);
  announcer_->Offer(sample::Summary(2), Holding(sample::Held()), 0);
  tracker_.Await<RegisterRequest>();
  tracker_.Await<RegisterRequest>();
  tracker_.ForgetLeases();
  const RegisterRequest first = tracker_.Await<RegisterRequest>();
  const RegisterRequest second = tracker_.Await<RegisterRequest>();
  EXPECT_NE(first.content.id, second.content.id);
  EXPECT_EQ((first.content.id == sample::Content(1) ? first : second).held, ChunkSet::All(100));
}

TEST_F(AnnouncerTest, ReportsOnceThatTheTrackerIsUnreachableAndOnceThatItIsBack) {
  tracker_.AnswerRegister(absl::UnavailableError("connection refused"));
  Start();
  announcer_->Offer(sample::Summary(1), Holding(sample::Held()), 1);
  EXPECT_EQ(reachable_.Await(), absl::UnavailableError("connection refused"));
  tracker_.Await<RegisterRequest>();
  tracker_.Await<RegisterRequest>();
  EXPECT_TRUE(reachable_.empty());
  EXPECT_FALSE(announcer_->all_registered());
  tracker_.AnswerRegister(absl::OkStatus());
  peers_.Await();
  EXPECT_TRUE(reachable_.Await().ok());
}

TEST_F(AnnouncerTest, ARejectedContentIsReportedAndNotOfferedAgain) {
  tracker_.AnswerRegister(absl::AlreadyExistsError("another length"));
  Start();
  announcer_->Offer(sample::Summary(1), Holding(sample::Held()), 0);
  EXPECT_EQ(rejected_.Await(), absl::AlreadyExistsError("another length"));
  EXPECT_TRUE(announcer_->all_registered());
  tracker_.AnswerRegister(absl::OkStatus());
  tracker_.Await<RegisterRequest>();
  announcer_->Offer(sample::Summary(2), Holding(sample::Held()), 0);
  EXPECT_EQ(tracker_.Await<RegisterRequest>().content.id, sample::Content(2));
  EXPECT_EQ(tracker_.Await<HeartbeatRequest>().leases.size(), 1u);
}

TEST_F(AnnouncerTest, WithdrawEndsThatLeaseAndTheDestructorAll) {
  Start();
  announcer_->Offer(sample::Summary(1), Holding(sample::Held()), 1);
  peers_.Await();
  announcer_->Offer(sample::Summary(2), Holding(sample::Held()), 1);
  peers_.Await();
  announcer_->Withdraw(sample::Content(1));
  EXPECT_EQ(tracker_.Await<LeaveRequest>().lease_ids, std::vector<LeaseId>{LeaseId(1)});
  announcer_.reset();
  const LeaveRequest all = tracker_.Await<LeaveRequest>();
  EXPECT_EQ(all.peer_id, sample::Peer(1));
  EXPECT_EQ(all.peer_secret, sample::Secret(1));
  EXPECT_TRUE(all.lease_ids.empty());
}

TEST_F(AnnouncerTest, LostChunksAreReportedByRegisteringAgain) {
  auto lost = std::make_shared<std::atomic<bool>>(false);
  Start();
  announcer_->Offer(
      sample::Summary(1),
      [lost] { return Announcer::Progress{.held = *lost ? sample::Held() : ChunkSet::All(100)}; }, 0);
  EXPECT_TRUE(tracker_.Await<RegisterRequest>().held.full());
  *lost = true;
  EXPECT_EQ(tracker_.Await<RegisterRequest>().held, sample::Held());
}

TEST_F(AnnouncerTest, CallbacksMayCallTheAnnouncer) {
  Announcer::Options options;
  options.self = PeerIdentity(sample::Secret(1));
  std::promise<Announcer*> ready;
  std::shared_future<Announcer*> announcer = ready.get_future().share();
  options.on_peers = [announcer](const ContentId& content, const std::vector<PeerInfo>&) {
    announcer.get()->all_registered();
    announcer.get()->Withdraw(content);
  };
  announcer_ = Announcer::Start(std::make_unique<FakeClient>(&tracker_), options);
  ready.set_value(announcer_.get());
  announcer_->Offer(sample::Summary(1), Holding(sample::Held()), 1);
  EXPECT_EQ(tracker_.Await<LeaveRequest>().lease_ids.size(), 1u);
}

TEST_F(AnnouncerTest, TenThousandContentsAreAllRegistered) {
  Start();
  std::array<uint8_t, 32> bytes{};
  for (uint32_t i = 1; i <= 10'000; ++i) {
    StoreBig(i, bytes.data());
    ContentSummary content = sample::Summary(1);
    content.id = ContentId(bytes);
    announcer_->Offer(content, Holding(ChunkSet::All(100)), i == 10'000 ? 1 : 0);
  }
  peers_.Await();  // the last one
  size_t named = 0;
  while (named < 10'000) {
    const HeartbeatRequest beat = tracker_.Await<HeartbeatRequest>();
    EXPECT_LE(beat.leases.size(), kMaxLeasesPerHeartbeat);
    named += beat.leases.size();
  }
  EXPECT_TRUE(announcer_->all_registered());
}

}  // namespace
}  // namespace shoal::tracking
