#include "services/tracker/tracker_service.h"

#include <memory>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "grpcpp/grpcpp.h"
#include "services/tracker/watch_stream.h"
#include "shoal/base/mutex.h"
#include "shoal/service/grpc_server.h"
#include "shoal/tracker/v1/tracker.grpc.pb.h"
#include "shoal/tracking/proto_conversion.h"

namespace shoal::tracker {
namespace {

using grpc::CallbackServerContext;
using grpc::ServerUnaryReactor;

// Ends a stream that never began.
class RefusedWatch final : public grpc::ServerWriteReactor<v1::SwarmEvent> {
 public:
  explicit RefusedWatch(const absl::Status& why) { Finish(ToGrpc(why)); }
  void OnDone() override { delete this; }
};

class CallbackTrackerService final : public TrackerService, private v1::TrackerService::CallbackService {
 public:
  CallbackTrackerService(Registry* registry, DoorMetrics* metrics, RateLimiter* limiter, const Clock* clock)
      : registry_(registry), metrics_(metrics), limiter_(limiter), clock_(clock) {}

  grpc::Service* grpc_service() override { return this; }

  void EndWatches() override {
    std::vector<std::shared_ptr<WatchStream>> streams;
    {
      MutexLock lock(&mutex_);
      draining_ = true;
      for (const auto& [raw, stream] : watches_) {
        if (auto alive = stream.lock()) streams.push_back(std::move(alive));
      }
    }
    for (const auto& stream : streams) stream->End(ShuttingDown());
  }

 private:
  static absl::Status ShuttingDown() { return absl::UnavailableError("this tracker is shutting down"); }

  // What a call counts as: one, and more where it asks for many contents.
  template <typename In>
  static uint32_t CostOf(const In&) {
    return 1;
  }
  static uint32_t CostOf(const v1::LookupManyRequest& in) {
    return 1 + static_cast<uint32_t>(in.content_ids_size()) / 8;
  }

  // RESOURCE_EXHAUSTED when the caller's address asks too often. Callers that are at no address (a Unix
  // socket) are of this machine.
  absl::Status Admit(CallbackServerContext* context, absl::Duration now, uint32_t cost) {
    if (!limiter_->limits_sources()) return absl::OkStatus();
    const absl::StatusOr<Endpoint> source = ParseGrpcPeer(context->peer());
    if (!source.ok() || limiter_->Admit(source->ip, now, cost)) return absl::OkStatus();
    context->AddTrailingMetadata("grpc-retry-pushback-ms", "1000");
    return absl::ResourceExhaustedError(
        absl::StrCat(source->ip.ToString(), " asks more than the ", limiter_->rates().per_source_per_second,
                     " times a second that this tracker grants an address: try again in a second"));
  }

  // One unary call: `perform` gets the request as values, and gives a StatusOr of the reply.
  template <typename In, typename Out, typename Perform>
  ServerUnaryReactor* Answer(CallbackServerContext* context, Call call, const In& in, Out* out,
                             const Perform& perform) {
    const absl::Duration began = clock_->Uptime();
    absl::Status status = Admit(context, began, CostOf(in));
    if (status.ok()) {
      auto request = FromProto(in);
      status = request.status();
      if (status.ok()) {
        const auto reply = perform(*request);
        status = reply.status();
        if (status.ok()) ToProto(*reply, out);
      }
    }
    metrics_->RecordCall(call, clock_->Uptime() - began);
    metrics_->CountCall(Door::kGrpc, call, status.code());
    ServerUnaryReactor* const reactor = context->DefaultReactor();
    reactor->Finish(ToGrpc(status));
    return reactor;
  }

  ServerUnaryReactor* Register(CallbackServerContext* context, const v1::RegisterRequest* in,
                               v1::RegisterReply* out) override {
    return Answer(context, Call::kRegister, *in, out,
                  [&](RegisterRequest& request) -> absl::StatusOr<RegisterReply> {
                    if (request.endpoint.ip.is_unspecified()) {
                      const absl::StatusOr<Endpoint> source = ParseGrpcPeer(context->peer());
                      if (!source.ok()) {
                        return absl::InvalidArgumentError(
                            "endpoint.ip: is missing, and the call does not come from an IP address");
                      }
                      request.endpoint.ip = source->ip;
                    }
                    return registry_->Register(request);
                  });
  }

  ServerUnaryReactor* Heartbeat(CallbackServerContext* context, const v1::HeartbeatRequest* in,
                                v1::HeartbeatReply* out) override {
    return Answer(context, Call::kHeartbeat, *in, out,
                  [&](const HeartbeatRequest& request) { return registry_->Heartbeat(request); });
  }

  ServerUnaryReactor* Lookup(CallbackServerContext* context, const v1::LookupRequest* in,
                             v1::LookupReply* out) override {
    return Answer(context, Call::kLookup, *in, out,
                  [&](const LookupRequest& request) { return registry_->Lookup(request); });
  }

  ServerUnaryReactor* LookupMany(CallbackServerContext* context, const v1::LookupManyRequest* in,
                                 v1::LookupManyReply* out) override {
    return Answer(context, Call::kLookupMany, *in, out,
                  [&](const LookupManyRequest& request) { return LookUpEach(request); });
  }

  ServerUnaryReactor* ListContents(CallbackServerContext* context, const v1::ListContentsRequest* in,
                                   v1::ListContentsReply* out) override {
    return Answer(context, Call::kListContents, *in, out,
                  [&](const ListContentsRequest& request) { return registry_->ListContents(request); });
  }

  ServerUnaryReactor* GetSwarm(CallbackServerContext* context, const v1::GetSwarmRequest* in,
                               v1::GetSwarmReply* out) override {
    return Answer(context, Call::kGetSwarm, *in, out,
                  [&](const ContentKey& content) { return registry_->GetSwarm(content); });
  }

  ServerUnaryReactor* Leave(CallbackServerContext* context, const v1::LeaveRequest* in,
                            v1::LeaveReply* out) override {
    return Answer(context, Call::kLeave, *in, out, [&](const LeaveRequest& request) {
      return absl::StatusOr<LeaveReply>(registry_->Leave(request));
    });
  }

  // What is not known has an empty result; any other error is the call's.
  absl::StatusOr<LookupManyReply> LookUpEach(const LookupManyRequest& request) {
    LookupManyReply reply;
    reply.results.reserve(request.contents.size());
    uint32_t room = kMaxPeersPerLookupMany;
    LookupRequest one{ContentId(), request.exclude, 0, request.site};
    for (const ContentId& content : request.contents) {
      one.content = content;
      one.max_peers = request.max_peers == 0 ? kDefaultPeersPerReply : request.max_peers;
      absl::StatusOr<LookupReply> found = registry_->Lookup(one);
      if (!found.ok() && !absl::IsNotFound(found.status())) return found.status();
      LookupReply& result = reply.results.emplace_back();
      if (!found.ok()) continue;
      result = *std::move(found);
      if (result.peers.size() > room) result.peers.resize(room);
      room -= static_cast<uint32_t>(result.peers.size());
    }
    return reply;
  }

  grpc::ServerWriteReactor<v1::SwarmEvent>* Watch(CallbackServerContext* context,
                                                  const v1::WatchRequest* in) override {
    absl::StatusOr<WatchRequest> request = FromProto(*in);
    if (const absl::Status admitted = Admit(context, clock_->Uptime(), 1); !admitted.ok()) request = admitted;
    metrics_->CountCall(Door::kGrpc, Call::kWatch, request.status().code());
    if (!request.ok()) return new RefusedWatch(request.status());
    const auto stream = WatchStream::Start(registry_, *request, [this](WatchStream* done) {
      MutexLock lock(&mutex_);
      watches_.erase(done);
    });
    bool draining = false;
    {
      MutexLock lock(&mutex_);
      draining = draining_;
      watches_[stream.get()] = stream;
    }
    if (draining) stream->End(ShuttingDown());
    return stream.get();
  }

  Registry* const registry_;
  DoorMetrics* const metrics_;
  RateLimiter* const limiter_;
  const Clock* const clock_;
  Mutex mutex_;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  absl::flat_hash_map<WatchStream*, std::weak_ptr<WatchStream>> watches_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

std::unique_ptr<TrackerService> TrackerService::Create(Registry* registry, DoorMetrics* metrics,
                                                       RateLimiter* limiter, const Clock* clock) {
  return std::make_unique<CallbackTrackerService>(registry, metrics, limiter, clock);
}

}  // namespace shoal::tracker
