#pragma once

#include <functional>
#include <map>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "shoal/base/mutex.h"
#include "shoal/tracking/client/tracker_client.h"

namespace shoal {

// A tracker in the process of the test: records registrations, and can be made unavailable. Thread-safe.
class FakeTracker : public std::enable_shared_from_this<FakeTracker> {
 public:
  struct State {
    bool away = false;
    std::map<tracking::LeaseId, tracking::RegisterRequest> registered;
    uint32_t registrations = 0;  // ever

    const tracking::RegisterRequest* Find(const ContentId& id) const {
      for (const auto& [lease, request] : registered) {
        if (request.content.id == id) return &request;
      }
      return nullptr;
    }
  };

  std::unique_ptr<tracking::TrackerClient> Connect(const tracking::TrackerUrl& url) {
    return std::make_unique<Client>(shared_from_this(), url);
  }
  void SetAway(bool away) {
    Change([&](State& state) { state.away = away; });
  }
  // Blocks until `done` returns true for the state, and returns a copy of it.
  State Wait(const std::function<bool(const State&)>& done) {
    MutexLock lock(&mutex_);
    while (!done(state_)) changed_.Wait(&mutex_);
    return state_;
  }

 private:
  class Client final : public tracking::TrackerClient {
   public:
    Client(std::shared_ptr<FakeTracker> tracker, tracking::TrackerUrl url)
        : tracker_(std::move(tracker)), url_(std::move(url)) {}

    absl::StatusOr<tracking::RegisterResponse> Register(const tracking::RegisterRequest& request,
                                                        absl::Duration) override {
      absl::StatusOr<tracking::RegisterResponse> response = Away();
      tracker_->Change([&](State& state) {
        if (state.away) return;
        const tracking::LeaseId lease(++state.registrations);
        state.registered[lease] = request;
        response = tracking::RegisterResponse{lease, absl::Seconds(30), absl::Seconds(10), {}};
      });
      return response;
    }
    absl::StatusOr<tracking::HeartbeatResponse> Heartbeat(const tracking::HeartbeatRequest&,
                                                          absl::Duration) override {
      absl::StatusOr<tracking::HeartbeatResponse> response = Away();
      tracker_->Change([&](State& state) {
        if (!state.away) response = tracking::HeartbeatResponse{absl::Seconds(30), absl::Seconds(10), {}};
      });
      return response;
    }
    absl::StatusOr<tracking::LeaveResponse> Leave(const tracking::LeaveRequest& request,
                                                  absl::Duration) override {
      absl::StatusOr<tracking::LeaveResponse> response = Away();
      tracker_->Change([&](State& state) {
        if (state.away) return;
        response = tracking::LeaveResponse{};
        if (request.lease_ids.empty()) state.registered.clear();
        for (const tracking::LeaseId lease : request.lease_ids) state.registered.erase(lease);
      });
      return response;
    }
    absl::StatusOr<tracking::LookupResponse> Lookup(const tracking::LookupRequest&, absl::Duration) override {
      return Away();
    }
    absl::StatusOr<tracking::ListContentsResponse> ListContents(const tracking::ListContentsRequest&,
                                                                absl::Duration) override {
      return Away();
    }
    absl::StatusOr<tracking::GetSwarmResponse> GetSwarm(const tracking::ContentKey&,
                                                        absl::Duration) override {
      return Away();
    }
    const tracking::TrackerUrl& url() const override { return url_; }

   private:
    static absl::Status Away() { return absl::UnavailableError("the tracker is away"); }

    const std::shared_ptr<FakeTracker> tracker_;
    const tracking::TrackerUrl url_;
  };

  template <typename Action>
  void Change(const Action& action) {
    MutexLock lock(&mutex_);
    action(state_);
    changed_.NotifyAll();
  }

  Mutex mutex_;
  CondVar changed_;
  State state_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace shoal
