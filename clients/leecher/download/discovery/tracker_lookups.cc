#include "clients/leecher/download/discovery/tracker_lookups.h"

#include <pthread.h>

#include <algorithm>
#include <utility>
#include <variant>

#include "shoal/base/clock.h"
#include "shoal/content/manifest/id_prefix.h"
#include "shoal/tracking/messages/warm_up.h"

namespace shoal::leecher {

// Guarded by the mutex of the TrackerLookups, but for `query`'s constant members.
struct TrackerLookups::Subscription::State {
  explicit State(Query what) : query(std::move(what)), interval(query.min_interval / 10) {}

  Query query;
  absl::Duration interval;
  absl::Duration due = -absl::InfiniteDuration();  // by Clock::Uptime
  bool lacking = true;
  bool in_flight = false;
  bool hurried = false;  // peers began to lack while it was in flight
  bool stopped = false;
};

namespace {

// Names that are looked up at once: enough that a round trip is a small part of what each takes, and few
// enough for one connection.
constexpr size_t kMaxNamesAtOnce = 100;

// Each page is a call, and a tracker looks through tens of thousands of contents in one.
constexpr int kMaxPrefixPages = 200;
constexpr size_t kMaxPrefixMatches = 20;

bool IsById(const TrackerLookups::Query& query) {
  return std::holds_alternative<ContentId>(query.content);
}

bool TravelTogether(const TrackerLookups::Query& a, const TrackerLookups::Query& b) {
  return IsById(a) == IsById(b) && (!IsById(a) || a.max_peers == b.max_peers);
}

size_t MostTogether(const TrackerLookups::Query& query) {
  return IsById(query) ? tracking::kMaxContentsPerLookup : kMaxNamesAtOnce;
}

}  // namespace

absl::Duration NextLookupInterval(absl::Duration last, bool lacking, absl::Duration min, absl::Duration max) {
  if (last < min) return std::min(last * 2, min);
  return lacking ? min : std::clamp(last * 2, min, max);
}

TrackerLookups::Subscription::Subscription(TrackerLookups* lookups, std::shared_ptr<State> state)
    : lookups_(lookups), state_(std::move(state)) {}

TrackerLookups::Subscription::~Subscription() {
  Stop();
}

void TrackerLookups::Subscription::SetContent(const tracking::ContentKey& content) {
  MutexLock lock(&lookups_->mutex_);
  state_->query.content = content;
}

void TrackerLookups::Subscription::SetLacking(bool lacking) {
  MutexLock lock(&lookups_->mutex_);
  const bool hurry = lacking && !state_->lacking;
  state_->lacking = lacking;
  if (!hurry) return;
  if (state_->in_flight) {
    state_->hurried = true;
    return;
  }
  // A moment later all the same, so that peers that come and go do not cause a flood of lookups.
  state_->due = std::min(state_->due, Clock::Real().Uptime() + state_->query.min_interval / 4);
  lookups_->changed_.NotifyAll();
}

void TrackerLookups::Subscription::Stop() {
  MutexLock lock(&lookups_->mutex_);
  state_->stopped = true;
  std::erase(lookups_->subscribed_, state_);
}

TrackerLookups::TrackerLookups(Options options)
    : options_(std::move(options)), random_(std::random_device{}()), thread_([this] { Run(); }) {}

TrackerLookups::~TrackerLookups() {
  {
    MutexLock lock(&mutex_);
    ending_ = true;
    changed_.NotifyAll();
  }
  thread_.join();
}

std::unique_ptr<TrackerLookups::Subscription> TrackerLookups::Subscribe(Query query) {
  auto state = std::make_shared<Subscription::State>(std::move(query));
  MutexLock lock(&mutex_);
  subscribed_.push_back(state);
  changed_.NotifyAll();
  return std::unique_ptr<Subscription>(new Subscription(this, std::move(state)));
}

void TrackerLookups::Run() {
  pthread_setname_np(pthread_self(), "lookups");
  const std::shared_ptr<tracking::TrackerClient> client = options_.make_client();
  for (States due = TakeDue(); !due.empty(); due = TakeDue()) Deliver(due, LookUp(*client, due));
}

TrackerLookups::States TrackerLookups::TakeDue() {
  MutexLock lock(&mutex_);
  for (;;) {
    if (ending_) return {};
    const absl::Duration now = Clock::Real().Uptime();
    absl::Duration next = absl::InfiniteDuration();
    States due;
    for (const auto& state : subscribed_) {
      next = std::min(next, state->due);
      if (state->due > now) continue;
      if (!due.empty() && !TravelTogether(due.front()->query, state->query)) continue;
      if (due.size() < MostTogether(state->query)) due.push_back(state);
    }
    if (!due.empty()) {
      for (const auto& state : due) {
        state->in_flight = true;
        state->hurried = false;
      }
      return due;
    }
    if (next == absl::InfiniteDuration()) {
      changed_.Wait(&mutex_);
    } else {
      changed_.WaitFor(&mutex_, absl::ToChronoNanoseconds(next - now));
    }
  }
}

std::vector<absl::StatusOr<tracking::LookupResponse>> TrackerLookups::LookUp(tracking::TrackerClient& client,
                                                                             const States& due) {
  std::vector<tracking::LookupRequest> each;
  tracking::LookupManyRequest many;
  absl::Duration timeout;
  {
    MutexLock lock(&mutex_);
    const Query& first = due.front()->query;
    timeout = first.timeout;
    // A name may have become an id since they were taken.
    if (due.size() > 1 &&
        std::all_of(due.begin(), due.end(), [](const auto& state) { return IsById(state->query); })) {
      many = {{}, options_.self.id(), first.max_peers, options_.site, options_.self.secret()};
      for (const auto& state : due) many.contents.push_back(std::get<ContentId>(state->query.content));
    } else {
      for (const auto& state : due) {
        each.push_back({state->query.content, options_.self.id(), state->query.max_peers, options_.site,
                        options_.self.secret()});
      }
    }
  }
  if (!each.empty()) {
    std::vector<absl::StatusOr<tracking::LookupResponse>> answers;
    if (each.size() == 1) {
      answers.push_back(client.Lookup(each.front(), timeout));
    } else {
      answers = client.LookupEach(each, timeout);
    }
    for (size_t i = 0; i < each.size(); ++i) LookUpPrefix(client, each[i], timeout, answers[i]);
    return answers;
  }
  absl::StatusOr<tracking::LookupManyResponse> response = client.LookupMany(many, timeout);
  if (!response.ok()) return {due.size(), response.status()};
  std::vector<absl::StatusOr<tracking::LookupResponse>> answers;
  for (tracking::LookupResponse& result : response->results) {
    if (result.contents.empty()) {
      answers.emplace_back(tracking::WithWarmUp(absl::NotFoundError("the tracker does not know this content"),
                                                response->warming_up));
    } else {
      answers.emplace_back(std::move(result));
    }
  }
  return answers;
}

void TrackerLookups::LookUpPrefix(tracking::TrackerClient& client, const tracking::LookupRequest& request,
                                  absl::Duration timeout,
                                  absl::StatusOr<tracking::LookupResponse>& answer) const {
  const auto* const name = std::get_if<std::string>(&request.content);
  if (name == nullptr || !absl::IsNotFound(answer.status())) return;
  tracking::ListContentsRequest list;
  list.id_prefix = IdPrefix::Parse(*name);
  if (!list.id_prefix.has_value()) return;
  tracking::LookupResponse found;
  for (int page = 0; page < kMaxPrefixPages; ++page) {
    const absl::StatusOr<tracking::ListContentsResponse> listed = client.ListContents(list, timeout);
    // It remains an unknown name, also for who may look up but not list.
    if (!listed.ok()) return;
    for (const tracking::ContentStatus& content : listed->contents) {
      if (list.id_prefix->Matches(content.summary.id)) found.contents.push_back(content);
    }
    if (listed->next_page_token.empty() || found.contents.size() > kMaxPrefixMatches) break;
    list.page_token = listed->next_page_token;
  }
  if (found.contents.empty()) return;
  if (found.contents.size() > 1) {
    answer = std::move(found);
    return;
  }
  tracking::LookupRequest by_id = request;
  by_id.content = found.contents.front().summary.id;
  answer = client.Lookup(by_id, timeout);
}

void TrackerLookups::Deliver(const States& due,
                             const std::vector<absl::StatusOr<tracking::LookupResponse>>& answers) {
  std::uniform_real_distribution<double> jitter(0.75, 1.25);
  MutexLock lock(&mutex_);
  for (size_t i = 0; i < due.size(); ++i) {
    Subscription::State& state = *due[i];
    if (state.stopped) continue;
    state.in_flight = false;
    state.query.on_answer(answers[i]);
    state.interval =
        NextLookupInterval(state.interval, state.lacking, state.query.min_interval, state.query.max_interval);
    const absl::Duration wait =
        state.hurried ? state.query.min_interval / 4 : state.interval * jitter(random_);
    state.due = Clock::Real().Uptime() + wait;
  }
}

}  // namespace shoal::leecher
