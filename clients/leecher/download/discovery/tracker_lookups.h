#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "shoal/base/mutex.h"
#include "shoal/content/manifest/peer_identity.h"
#include "shoal/tracking/client/tracker_client.h"
#include "shoal/tracking/messages/messages.h"

namespace shoal::leecher {

// Looks contents up at one tracker, again and again, on one thread for all downloads of the process: often
// while a download lacks peers, and at growing intervals otherwise. Lookups by id that are due together
// travel in one message; lookups by name that are due together are under way at once. A name that is unknown
// and can be the beginning of an id is looked for among the ids: the answer has the contents whose id begins
// so. Each answer, good or bad, goes to the subscriber; what it means is not decided here.
//
// Thread safety: all methods are thread-safe. The destructor waits for a lookup in flight; all subscriptions
// must be gone by then.
class TrackerLookups {
 public:
  struct Options {
    PeerIdentity self = PeerIdentity::Random();
    std::string site;
    // Called once, from the lookup thread.
    std::function<std::shared_ptr<tracking::TrackerClient>()> make_client;
  };

  struct Query {
    tracking::ContentKey content;
    uint32_t max_peers = 0;
    absl::Duration min_interval = absl::Seconds(1);
    absl::Duration max_interval = absl::Seconds(10);
    absl::Duration timeout = absl::Seconds(3);
    // Called from the lookup thread; must not block, and must not call the subscription.
    std::function<void(const absl::StatusOr<tracking::LookupResponse>&)> on_answer;
  };

  // One content that is looked up until this dies or Stop is called. Must not outlive its TrackerLookups.
  class Subscription {
   public:
    ~Subscription();
    Subscription(const Subscription&) = delete;
    Subscription& operator=(const Subscription&) = delete;

    // Looks `content` up from now on: a name is replaced by an id once it is known which content it means.
    void SetContent(const tracking::ContentKey& content);
    // Whether peers are lacking; at first they are.
    void SetLacking(bool lacking);
    // No answer comes after this has returned. Does not wait for a lookup in flight.
    void Stop();

   private:
    friend class TrackerLookups;
    struct State;
    Subscription(TrackerLookups* lookups, std::shared_ptr<State> state);

    TrackerLookups* const lookups_;
    const std::shared_ptr<State> state_;
  };

  explicit TrackerLookups(Options options);
  ~TrackerLookups();
  TrackerLookups(const TrackerLookups&) = delete;
  TrackerLookups& operator=(const TrackerLookups&) = delete;

  // The first lookup follows at once.
  std::unique_ptr<Subscription> Subscribe(Query query);

 private:
  using States = std::vector<std::shared_ptr<Subscription::State>>;

  void Run();
  // Waits until lookups are due and returns those that travel together; empty at the end.
  States TakeDue();
  // Makes the lookups of `due`, which are all by name or all by id.
  std::vector<absl::StatusOr<tracking::LookupResponse>> LookUp(tracking::TrackerClient& client,
                                                               const States& due);
  // Replaces `answer`, that the name of `request` is unknown, by that for the ids that begin with it.
  void LookUpPrefix(tracking::TrackerClient& client, const tracking::LookupRequest& request,
                    absl::Duration timeout, absl::StatusOr<tracking::LookupResponse>& answer) const;
  void Deliver(const States& due, const std::vector<absl::StatusOr<tracking::LookupResponse>>& answers);

  const Options options_;
  Mutex mutex_;
  CondVar changed_;
  States subscribed_ ABSL_GUARDED_BY(mutex_);
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  std::mt19937_64 random_;  // the thread only
  std::thread thread_;      // last: it uses all of the above
};

// The interval to the next lookup. At first it doubles up to `min`, because machines that start a download
// together do not know one another at their first lookup; then it is `min` while peers are lacking, and
// otherwise doubles up to `max`.
absl::Duration NextLookupInterval(absl::Duration last, bool lacking, absl::Duration min, absl::Duration max);

}  // namespace shoal::leecher
