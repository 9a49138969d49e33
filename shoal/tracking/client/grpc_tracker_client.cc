#include "shoal/tracking/client/grpc_tracker_client.h"

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "grpcpp/grpcpp.h"
#include "shoal/base/status_macros.h"
#include "shoal/tracker/v1/tracker.grpc.pb.h"
#include "shoal/tracking/messages/proto_conversion.h"

namespace shoal::tracking {
namespace {

// A reply of GetSwarm with 1,000 peers of a large content is the largest there is.
constexpr int kMaxResponseBytes = 64 * 1024 * 1024;
constexpr int kFirstReconnectMs = 200;
constexpr int kMaxReconnectMs = 5000;
// A tracker that vanished without a word is noticed in less than a minute, even while nothing is asked.
constexpr int kKeepaliveTimeMs = 30'000;
constexpr int kKeepaliveTimeoutMs = 10'000;

std::shared_ptr<grpc::Channel> MakeChannel(const TrackerUrl& url) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxResponseBytes);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kFirstReconnectMs);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kFirstReconnectMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kMaxReconnectMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveTimeMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  // Otherwise a new client would inherit the backoff of an older one for the same address.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(url.address.ToString(), grpc::InsecureChannelCredentials(), arguments);
}

class GrpcTrackerClient final : public TrackerClient {
 public:
  explicit GrpcTrackerClient(const TrackerUrl& url)
      : url_(url), stub_(pb::TrackerService::NewStub(MakeChannel(url))) {}

  absl::StatusOr<RegisterResponse> Register(const RegisterRequest& request, absl::Duration timeout) override {
    return Call<pb::RegisterRequest, pb::RegisterResponse>(&pb::TrackerService::Stub::Register, request,
                                                           timeout);
  }
  absl::StatusOr<RegisterManyResponse> RegisterMany(const RegisterManyRequest& request,
                                                    absl::Duration timeout) override {
    auto response = Call<pb::RegisterManyRequest, pb::RegisterManyResponse>(
        &pb::TrackerService::Stub::RegisterMany, request, timeout);
    if (response.ok() && response->outcomes.size() != request.registrations.size()) {
      return absl::InternalError(absl::StrCat("tracker ", url_.ToString(), " answered ",
                                              response->outcomes.size(), " of ", request.registrations.size(),
                                              " registrations"));
    }
    return response;
  }
  absl::StatusOr<HeartbeatResponse> Heartbeat(const HeartbeatRequest& request,
                                              absl::Duration timeout) override {
    return Call<pb::HeartbeatRequest, pb::HeartbeatResponse>(&pb::TrackerService::Stub::Heartbeat, request,
                                                             timeout);
  }
  absl::StatusOr<LookupResponse> Lookup(const LookupRequest& request, absl::Duration timeout) override {
    return Call<pb::LookupRequest, pb::LookupResponse>(&pb::TrackerService::Stub::Lookup, request, timeout);
  }
  absl::StatusOr<LookupManyResponse> LookupMany(const LookupManyRequest& request,
                                                absl::Duration timeout) override {
    auto response = Call<pb::LookupManyRequest, pb::LookupManyResponse>(&pb::TrackerService::Stub::LookupMany,
                                                                        request, timeout);
    if (response.ok() && response->results.size() != request.contents.size()) {
      return absl::InternalError(absl::StrCat("tracker ", url_.ToString(), " answered ",
                                              response->results.size(), " of ", request.contents.size(),
                                              " lookups"));
    }
    return response;
  }
  absl::StatusOr<ListContentsResponse> ListContents(const ListContentsRequest& request,
                                                    absl::Duration timeout) override {
    return Call<pb::ListContentsRequest, pb::ListContentsResponse>(&pb::TrackerService::Stub::ListContents,
                                                                   request, timeout);
  }
  absl::StatusOr<GetSwarmResponse> GetSwarm(const ContentKey& content, absl::Duration timeout) override {
    return Call<pb::GetSwarmRequest, pb::GetSwarmResponse>(&pb::TrackerService::Stub::GetSwarm, content,
                                                           timeout);
  }
  absl::StatusOr<LeaveResponse> Leave(const LeaveRequest& request, absl::Duration timeout) override {
    return Call<pb::LeaveRequest, pb::LeaveResponse>(&pb::TrackerService::Stub::Leave, request, timeout);
  }

  const TrackerUrl& url() const override { return url_; }

 private:
  template <typename ProtoRequest, typename ProtoResponse, typename Request>
  auto Call(grpc::Status (pb::TrackerService::Stub::*method)(grpc::ClientContext*, const ProtoRequest&,
                                                             ProtoResponse*),
            const Request& request, absl::Duration timeout)
      -> decltype(FromProto(std::declval<ProtoResponse>())) {
    ProtoRequest proto_request;
    ToProto(request, &proto_request);
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + absl::ToChronoMilliseconds(timeout));
    ProtoResponse proto_response;
    const grpc::Status status = ((*stub_).*method)(&context, proto_request, &proto_response);
    if (!status.ok()) return ErrorOf(status);
    auto response = FromProto(proto_response);
    if (!response.ok()) {
      return absl::InternalError(absl::StrCat("tracker ", url_.ToString(),
                                              " sent a malformed reply: ", response.status().message()));
    }
    return response;
  }

  absl::Status ErrorOf(const grpc::Status& status) const {
    const auto code = static_cast<absl::StatusCode>(status.error_code());
    const std::string tracker = absl::StrCat("tracker ", url_.ToString());
    switch (code) {
      case absl::StatusCode::kUnavailable:
        return absl::UnavailableError(absl::StrCat(tracker, " can't be reached (", status.error_message(),
                                                   "): is it running, and are host and port right?"));
      case absl::StatusCode::kDeadlineExceeded:
        return absl::DeadlineExceededError(
            absl::StrCat(tracker, " did not answer in time: is the way to it open, or is it overloaded?"));
      case absl::StatusCode::kUnimplemented:
        return absl::UnimplementedError(
            absl::StrCat(tracker, " answers, but is no tracker that knows this call: is the port right?"));
      default:
        return {code, absl::StrCat(tracker, ": ", status.error_message())};
    }
  }

  const TrackerUrl url_;
  const std::unique_ptr<pb::TrackerService::Stub> stub_;
};

}  // namespace

std::unique_ptr<TrackerClient> MakeGrpcTrackerClient(const TrackerUrl& url) {
  return std::make_unique<GrpcTrackerClient>(url);
}

}  // namespace shoal::tracking
