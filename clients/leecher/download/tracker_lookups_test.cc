#include "clients/leecher/download/discovery/tracker_lookups.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "clients/leecher/download/test_swarm.h"

namespace shoal::leecher {
namespace {

struct IntervalCase {
  const char* what;
  absl::Duration last;
  bool lacking;
  absl::Duration expected;
};

TEST(NextLookupInterval, GrowsWhilePeersAreThere) {
  const IntervalCase cases[] = {
      {"at first", absl::Milliseconds(100), true, absl::Milliseconds(200)},
      {"at first, up to the rhythm", absl::Milliseconds(800), false, absl::Seconds(1)},
      {"peers are lacking", absl::Seconds(8), true, absl::Seconds(1)},
      {"the first with peers", absl::Seconds(0.5), false, absl::Seconds(1)},
      {"twice the last", absl::Seconds(2), false, absl::Seconds(4)},
      {"up to a bound", absl::Seconds(8), false, absl::Seconds(10)},
  };
  for (const IntervalCase& test : cases) {
    SCOPED_TRACE(test.what);
    EXPECT_EQ(NextLookupInterval(test.last, test.lacking, absl::Seconds(1), absl::Seconds(10)),
              test.expected);
  }
}

TEST(TrackerLookups, AsksAgainAndAgainUntilItIsStopped) {
  TestTracker tracker;
  Mutex mutex;
  CondVar told;
  int answers = 0;
  TrackerLookups lookups({PeerIdentity::Random(), "",
                          [&] { return tracker.MakeClient(*tracking::TrackerUrl::Parse("127.0.0.1:1")); }});
  TrackerLookups::Query query;
  query.content = std::string("file");
  query.min_interval = absl::Milliseconds(1);
  query.max_interval = absl::Milliseconds(1);
  query.on_answer = [&](const absl::StatusOr<tracking::LookupResponse>& response) {
    EXPECT_EQ(response.status().code(), absl::StatusCode::kNotFound);
    MutexLock lock(&mutex);
    ++answers;
    told.NotifyAll();
  };
  const auto subscription = lookups.Subscribe(query);
  {
    MutexLock lock(&mutex);
    while (answers < 3) told.Wait(&mutex);
  }
  subscription->Stop();
  MutexLock lock(&mutex);
  const int at_stop = answers;
  told.WaitFor(&mutex, std::chrono::milliseconds(5));
  EXPECT_EQ(answers, at_stop);
}

TEST(TrackerLookups, LooksAgainSoonWhenPeersAreLacking) {
  TestTracker tracker;
  Mutex mutex;
  CondVar told;
  int answers = 0;
  TrackerLookups lookups({PeerIdentity::Random(), "",
                          [&] { return tracker.MakeClient(*tracking::TrackerUrl::Parse("127.0.0.1:1")); }});
  TrackerLookups::Query query;
  query.content = std::string("file");
  query.min_interval = absl::Milliseconds(1);
  query.max_interval = absl::Hours(1);
  query.on_answer = [&](const absl::StatusOr<tracking::LookupResponse>&) {
    MutexLock lock(&mutex);
    ++answers;
    told.NotifyAll();
  };
  const auto subscription = lookups.Subscribe(query);
  for (int round = 0; round < 5; ++round) {
    subscription->SetLacking(false);
    subscription->SetLacking(true);
    MutexLock lock(&mutex);
    while (answers < 2 * round) told.Wait(&mutex);
  }
}

// The first answer to a lookup of `name` that is not NOT_FOUND, or the third one.
absl::StatusOr<tracking::LookupResponse> AnswerFor(TestTracker& tracker, const std::string& name) {
  Mutex mutex;
  CondVar told;
  std::vector<absl::StatusOr<tracking::LookupResponse>> answers;
  TrackerLookups lookups({PeerIdentity::Random(), "",
                          [&] { return tracker.MakeClient(*tracking::TrackerUrl::Parse("127.0.0.1:1")); }});
  TrackerLookups::Query query;
  query.content = name;
  query.min_interval = absl::Milliseconds(1);
  query.on_answer = [&](const absl::StatusOr<tracking::LookupResponse>& response) {
    MutexLock lock(&mutex);
    answers.push_back(response);
    told.NotifyAll();
  };
  const auto subscription = lookups.Subscribe(query);
  {
    MutexLock lock(&mutex);
    while (answers.empty() || (answers.size() < 3 && absl::IsNotFound(answers.back().status())))
      told.Wait(&mutex);
  }
  subscription->Stop();
  MutexLock lock(&mutex);
  return answers.back();
}

TEST(TrackerLookups, AnUnknownNameMayBeTheBeginningOfAnId) {
  const TestFolder folder;
  const TestContent content = Publish(folder.Write("file", "bytes"));
  const std::string id = content.manifest->id().ToHex();
  TestTracker tracker;
  EXPECT_TRUE(absl::IsNotFound(AnswerFor(tracker, id.substr(0, 12)).status()));
  tracker.Add(*content.manifest, {});
  for (const std::string& word : {id.substr(0, 8), absl::AsciiStrToUpper(id.substr(0, 63))}) {
    const auto answer = AnswerFor(tracker, word);
    ASSERT_TRUE(answer.ok()) << answer.status();
    ASSERT_EQ(answer->contents.size(), 1u);
    EXPECT_EQ(answer->contents[0].summary.id, content.manifest->id());
  }
  EXPECT_TRUE(absl::IsNotFound(AnswerFor(tracker, id.substr(0, 7)).status()));
  EXPECT_TRUE(absl::IsNotFound(AnswerFor(tracker, "file.").status()));
}

TEST(TrackerLookups, ANameOfHexDigitsComesBeforeAnId) {
  const TestFolder folder;
  const TestContent content = Publish(folder.Write("file", "bytes"));
  const std::string digits = content.manifest->id().ToHex().substr(0, 8);
  const TestContent named = Publish(folder.Write(digits, "other bytes"));
  TestTracker tracker;
  tracker.Add(*content.manifest, {});
  tracker.Add(*named.manifest, {});
  const auto answer = AnswerFor(tracker, digits);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->contents[0].summary.id, named.manifest->id());
}

// Answers by id: contents whose first byte is even are known.
class CountingClient final : public tracking::TrackerClient {
 public:
  struct Calls {
    Mutex mutex;
    CondVar changed;
    std::vector<size_t> contents_per_call ABSL_GUARDED_BY(mutex);
  };
  explicit CountingClient(Calls* calls) : calls_(calls) {}

  absl::StatusOr<tracking::LookupResponse> Lookup(const tracking::LookupRequest& request,
                                                  absl::Duration) override {
    Note(1);
    return Answer(std::get<ContentId>(request.content));
  }
  absl::StatusOr<tracking::LookupManyResponse> LookupMany(const tracking::LookupManyRequest& request,
                                                          absl::Duration) override {
    Note(request.contents.size());
    tracking::LookupManyResponse response;
    for (const ContentId& content : request.contents) {
      const auto answer = Answer(content);
      response.results.push_back(answer.ok() ? *answer : tracking::LookupResponse());
    }
    return response;
  }
  absl::StatusOr<tracking::RegisterResponse> Register(const tracking::RegisterRequest&,
                                                      absl::Duration) override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<tracking::HeartbeatResponse> Heartbeat(const tracking::HeartbeatRequest&,
                                                        absl::Duration) override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<tracking::ListContentsResponse> ListContents(const tracking::ListContentsRequest&,
                                                              absl::Duration) override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<tracking::GetSwarmResponse> GetSwarm(const tracking::ContentKey&, absl::Duration) override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<tracking::LeaveResponse> Leave(const tracking::LeaveRequest&, absl::Duration) override {
    return absl::UnimplementedError("");
  }
  const tracking::TrackerUrl& url() const override { return url_; }

 private:
  static absl::StatusOr<tracking::LookupResponse> Answer(const ContentId& content) {
    if (content.bytes()[0] % 2 != 0) return absl::NotFoundError("unknown");
    tracking::LookupResponse response;
    response.contents.resize(1);
    response.contents[0].summary.id = content;
    return response;
  }
  void Note(size_t contents) {
    MutexLock lock(&calls_->mutex);
    calls_->contents_per_call.push_back(contents);
    calls_->changed.NotifyAll();
  }

  Calls* const calls_;
  const tracking::TrackerUrl url_ = *tracking::TrackerUrl::Parse("127.0.0.1:1");
};

// Answers no lookup of a name before the test lets it.
class HeldClient final : public tracking::TrackerClient {
 public:
  struct State {
    Mutex mutex;
    CondVar changed;
    bool let ABSL_GUARDED_BY(mutex) = false;
    std::vector<size_t> names_at_once ABSL_GUARDED_BY(mutex);
  };
  explicit HeldClient(State* state) : state_(state) {}

  absl::StatusOr<tracking::LookupResponse> Lookup(const tracking::LookupRequest&, absl::Duration) override {
    return Answers(1).front();
  }
  std::vector<absl::StatusOr<tracking::LookupResponse>> LookupEach(
      const std::vector<tracking::LookupRequest>& requests, absl::Duration) override {
    return Answers(requests.size());
  }
  absl::StatusOr<tracking::RegisterResponse> Register(const tracking::RegisterRequest&,
                                                      absl::Duration) override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<tracking::HeartbeatResponse> Heartbeat(const tracking::HeartbeatRequest&,
                                                        absl::Duration) override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<tracking::ListContentsResponse> ListContents(const tracking::ListContentsRequest&,
                                                              absl::Duration) override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<tracking::GetSwarmResponse> GetSwarm(const tracking::ContentKey&, absl::Duration) override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<tracking::LeaveResponse> Leave(const tracking::LeaveRequest&, absl::Duration) override {
    return absl::UnimplementedError("");
  }
  const tracking::TrackerUrl& url() const override { return url_; }

 private:
  std::vector<absl::StatusOr<tracking::LookupResponse>> Answers(size_t names) {
    MutexLock lock(&state_->mutex);
    state_->names_at_once.push_back(names);
    state_->changed.NotifyAll();
    while (!state_->let) state_->changed.Wait(&state_->mutex);
    return {names, absl::NotFoundError("unknown")};
  }

  State* const state_;
  const tracking::TrackerUrl url_ = *tracking::TrackerUrl::Parse("127.0.0.1:1");
};

TEST(TrackerLookups, NamesThatAreDueTogetherAreLookedUpAtOnce) {
  constexpr size_t kNames = 50;
  HeldClient::State state;
  Mutex mutex;
  CondVar told;
  size_t answers = 0;
  TrackerLookups lookups({PeerIdentity::Random(), "", [&] { return std::make_shared<HeldClient>(&state); }});
  std::vector<std::unique_ptr<TrackerLookups::Subscription>> subscriptions;
  for (size_t i = 0; i < kNames; ++i) {
    TrackerLookups::Query query;
    query.content = "name" + std::to_string(i);
    query.min_interval = absl::Hours(1);
    query.on_answer = [&](const absl::StatusOr<tracking::LookupResponse>& response) {
      EXPECT_EQ(response.status().code(), absl::StatusCode::kNotFound);
      MutexLock lock(&mutex);
      ++answers;
      told.NotifyAll();
    };
    subscriptions.push_back(lookups.Subscribe(query));
  }
  {
    MutexLock lock(&state.mutex);
    state.let = true;
    state.changed.NotifyAll();
  }
  {
    MutexLock lock(&mutex);
    while (answers < kNames) told.Wait(&mutex);
  }
  MutexLock lock(&state.mutex);
  // Those that were due when the first lookup began, and then all others.
  EXPECT_LE(state.names_at_once.size(), 2u);
}

TEST(TrackerLookups, SendsLookupsThatAreDueTogetherInOneMessage) {
  constexpr size_t kContents = 20;
  CountingClient::Calls calls;
  Mutex mutex;
  CondVar told;
  std::map<ContentId, std::vector<absl::StatusOr<tracking::LookupResponse>>> answers;
  TrackerLookups lookups(
      {PeerIdentity::Random(), "", [&] { return std::make_shared<CountingClient>(&calls); }});
  std::vector<std::unique_ptr<TrackerLookups::Subscription>> subscriptions;
  for (size_t i = 0; i < kContents; ++i) {
    std::array<uint8_t, ContentId::kSizeBytes> bytes{};
    bytes[0] = static_cast<uint8_t>(i);
    const ContentId content(bytes);
    TrackerLookups::Query query;
    query.content = content;
    query.min_interval = absl::Milliseconds(1);
    query.max_interval = absl::Milliseconds(1);
    query.on_answer = [&, content](const absl::StatusOr<tracking::LookupResponse>& response) {
      MutexLock lock(&mutex);
      answers[content].push_back(response);
      told.NotifyAll();
    };
    subscriptions.push_back(lookups.Subscribe(query));
  }
  {
    MutexLock lock(&calls.mutex);
    while (std::none_of(calls.contents_per_call.begin(), calls.contents_per_call.end(),
                        [](size_t contents) { return contents > 1; })) {
      calls.changed.Wait(&calls.mutex);
    }
  }
  {
    MutexLock lock(&mutex);
    while (answers.size() < kContents) told.Wait(&mutex);
  }
  subscriptions.clear();
  MutexLock lock(&mutex);
  for (const auto& [content, each] : answers) {
    for (const auto& answer : each) {
      if (content.bytes()[0] % 2 != 0) {
        EXPECT_EQ(answer.status().code(), absl::StatusCode::kNotFound);
      } else {
        ASSERT_TRUE(answer.ok());
        EXPECT_EQ(answer->contents[0].summary.id, content);
      }
    }
  }
}

}  // namespace
}  // namespace shoal::leecher
