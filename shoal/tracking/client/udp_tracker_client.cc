#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "shoal/base/clock.h"
#include "shoal/base/mutex.h"
#include "shoal/base/status_macros.h"
#include "shoal/tracking/client/datagram_exchange.h"
#include "shoal/tracking/client/tracker_client.h"
#include "shoal/tracking/messages/datagram.h"

namespace shoal::tracking {
namespace {

// The body of a datagram: the whole without head, transaction id and cookie.
constexpr size_t kMaxBodyBytes = kMaxDatagramBytes - 48;
// A heartbeat of more datagrams than this goes out as one gRPC message if possible, because datagrams are
// sent one after the other.
constexpr size_t kManyDatagrams = 16;
// A gRPC connection takes about as many round trips to set up.
constexpr size_t kManyLookups = 4;

class UdpTrackerClient final : public TrackerClient {
 public:
  UdpTrackerClient(const TrackerUrl& url, MakeClient make_grpc_client)
      : url_(url), make_grpc_client_(std::move(make_grpc_client)), exchange_(url) {}

  absl::StatusOr<RegisterResponse> Register(const RegisterRequest& request, absl::Duration timeout) override {
    const absl::Duration deadline = Clock::Real().Uptime() + timeout;
    auto response = Ask<RegisterResponse>(request, deadline);
    if (!absl::IsResourceExhausted(response.status())) return response;
    // The chunk set, most likely: a leecher's may be larger than a datagram.
    return OverGrpc(response.status(), deadline, &TrackerClient::Register, request);
  }

  absl::StatusOr<RegisterManyResponse> RegisterMany(const RegisterManyRequest& request,
                                                    absl::Duration timeout) override {
    if (request.registrations.size() > kManyDatagrams) {
      auto response =
          OverGrpc(absl::OkStatus(), Clock::Real().Uptime() + timeout, &TrackerClient::RegisterMany, request);
      if (response.ok()) return response;
    }
    return TrackerClient::RegisterMany(request, timeout);
  }

  absl::StatusOr<HeartbeatResponse> Heartbeat(const HeartbeatRequest& request,
                                              absl::Duration timeout) override {
    const absl::Duration deadline = Clock::Real().Uptime() + timeout;
    const auto messages = SplitHeartbeat(request, kMaxBodyBytes);
    if (messages.size() > kManyDatagrams) {
      auto response =
          OverGrpc(absl::ResourceExhaustedError("many leases"), deadline, &TrackerClient::Heartbeat, request);
      if (response.ok()) return response;
    }
    HeartbeatResponse whole;
    for (size_t i = 0; i < messages.size(); ++i) {
      SHOAL_ASSIGN_OR_RETURN(HeartbeatResponse response, Ask<HeartbeatResponse>(messages[i], deadline));
      whole.ttl = i == 0 ? response.ttl : std::min(whole.ttl, response.ttl);
      whole.heartbeat_interval = i == 0 ? response.heartbeat_interval
                                        : std::min(whole.heartbeat_interval, response.heartbeat_interval);
      whole.register_again.insert(whole.register_again.end(), response.register_again.begin(),
                                  response.register_again.end());
    }
    // A lease whose beat was spread over two datagrams is named in both responses.
    std::sort(whole.register_again.begin(), whole.register_again.end());
    whole.register_again.erase(std::unique(whole.register_again.begin(), whole.register_again.end()),
                               whole.register_again.end());
    return whole;
  }

  absl::StatusOr<LookupResponse> Lookup(const LookupRequest& request, absl::Duration timeout) override {
    const absl::Duration deadline = Clock::Real().Uptime() + timeout;
    auto response = Ask<LookupResponse>(request, deadline);
    if (absl::IsResourceExhausted(response.status())) {
      return OverGrpc(response.status(), deadline, &TrackerClient::Lookup, request);
    }
    if (response.ok() && response->truncated) {
      auto whole = OverGrpc(absl::OkStatus(), deadline, &TrackerClient::Lookup, request);
      if (whole.ok()) return whole;
    }
    return response;
  }

  std::vector<absl::StatusOr<LookupResponse>> LookupEach(const std::vector<LookupRequest>& requests,
                                                         absl::Duration timeout) override {
    if (requests.size() > kManyLookups) {
      const auto client = GrpcClient(Clock::Real().Uptime() + timeout);
      if (client.ok()) return (*client)->LookupEach(requests, timeout);
    }
    return TrackerClient::LookupEach(requests, timeout);
  }

  absl::StatusOr<ListContentsResponse> ListContents(const ListContentsRequest& request,
                                                    absl::Duration timeout) override {
    return OverGrpc(absl::OkStatus(), Clock::Real().Uptime() + timeout, &TrackerClient::ListContents,
                    request);
  }

  absl::StatusOr<GetSwarmResponse> GetSwarm(const ContentKey& content, absl::Duration timeout) override {
    return OverGrpc(absl::OkStatus(), Clock::Real().Uptime() + timeout, &TrackerClient::GetSwarm, content);
  }

  absl::StatusOr<LeaveResponse> Leave(const LeaveRequest& request, absl::Duration timeout) override {
    const absl::Duration deadline = Clock::Real().Uptime() + timeout;
    LeaveResponse whole;
    for (const LeaveRequest& message : SplitLeave(request, kMaxBodyBytes)) {
      SHOAL_ASSIGN_OR_RETURN(const LeaveResponse response, Ask<LeaveResponse>(message, deadline));
      whole.ended += response.ended;
    }
    return whole;
  }

  const TrackerUrl& url() const override { return url_; }

 private:
  template <typename Response, typename Request>
  absl::StatusOr<Response> Ask(const Request& request, absl::Duration deadline) {
    MutexLock lock(&mutex_);
    SHOAL_ASSIGN_OR_RETURN(DatagramResponse response,
                           exchange_.Ask(request, deadline - Clock::Real().Uptime()));
    if (auto* wanted = std::get_if<Response>(&response.body)) return std::move(*wanted);
    return absl::InternalError(
        absl::StrCat("tracker ", url_.ToString(), " answered with a response of another kind"));
  }

  // Makes the call over the tracker's gRPC listener. Without such a listener, returns `why_not_udp` if that
  // is an error: it names what the caller can change.
  template <typename Response, typename Request>
  absl::StatusOr<Response> OverGrpc(const absl::Status& why_not_udp, absl::Duration deadline,
                                    absl::StatusOr<Response> (TrackerClient::*call)(const Request&,
                                                                                    absl::Duration),
                                    const Request& request) {
    auto client = GrpcClient(deadline);
    if (absl::IsNotFound(client.status()) && !why_not_udp.ok()) return why_not_udp;
    if (!client.ok()) return client.status();
    return ((**client).*call)(request, deadline - Clock::Real().Uptime());
  }

  absl::StatusOr<std::shared_ptr<TrackerClient>> GrpcClient(absl::Duration deadline) {
    MutexLock lock(&mutex_);
    SHOAL_ASSIGN_OR_RETURN(const uint16_t port, exchange_.GrpcPort(deadline - Clock::Real().Uptime()));
    // At the address that answers, which is the tracker that was named: another of the host's addresses may
    // belong to another one.
    const TrackerUrl at{TrackerUrl::Protocol::kGrpc, {exchange_.answering_ip().ToString(), port}};
    if (grpc_client_ == nullptr || !(grpc_client_->url() == at)) grpc_client_ = make_grpc_client_(at);
    return grpc_client_;
  }

  const TrackerUrl url_;
  const MakeClient make_grpc_client_;
  Mutex mutex_;
  DatagramExchange exchange_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<TrackerClient> grpc_client_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

std::unique_ptr<TrackerClient> MakeUdpTrackerClient(const TrackerUrl& url, MakeClient make_grpc_client) {
  return std::make_unique<UdpTrackerClient>(url, std::move(make_grpc_client));
}

}  // namespace shoal::tracking
