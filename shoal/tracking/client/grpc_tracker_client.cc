#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "grpcpp/grpcpp.h"
#include "shoal/base/error_cause.h"
#include "shoal/base/status_macros.h"
#include "shoal/tracker/v1/tracker.grpc.pb.h"
#include "shoal/tracking/client/tracker_client.h"
#include "shoal/tracking/messages/proto_conversion.h"
#include "shoal/tracking/messages/warm_up.h"

namespace shoal::tracking {
namespace {

// The largest response is that of GetSwarm with 1,000 peers of a large content.
constexpr int kMaxResponseBytes = 64 * 1024 * 1024;
constexpr int kFirstReconnectMs = 200;
constexpr int kMaxReconnectMs = 5000;
// Detects a tracker that vanished silently in less than a minute, even without calls.
constexpr int kKeepaliveTimeMs = 30'000;
constexpr int kKeepaliveTimeoutMs = 10'000;
constexpr absl::Duration kReconnectHelp = absl::Milliseconds(500);

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

// Returns: the cause in a message of gRPC's, which names its own parts first: "failed to connect to all
// addresses; last error: UNKNOWN: ipv4:10.0.0.1:50051: Failed to connect to remote host: Connection refused".
std::string ReasonIn(const std::string& message) {
  const size_t colon = message.rfind(": ");
  std::string reason = colon == std::string::npos ? message : message.substr(colon + 2);
  if (!reason.empty()) reason[0] = absl::ascii_tolower(static_cast<unsigned char>(reason[0]));
  return reason;
}

class GrpcTrackerClient final : public TrackerClient {
 public:
  GrpcTrackerClient(const TrackerUrl& url, const std::string& token)
      : url_(url),
        authorization_(token.empty() ? "" : absl::StrCat("Bearer ", token)),
        channel_(MakeChannel(url)),
        stub_(pb::TrackerService::NewStub(channel_)) {}

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
  std::vector<absl::StatusOr<LookupResponse>> LookupEach(const std::vector<LookupRequest>& requests,
                                                         absl::Duration timeout) override {
    struct Pending {
      grpc::ClientContext context;
      pb::LookupResponse response;
      grpc::Status status;
      std::unique_ptr<grpc::ClientAsyncResponseReader<pb::LookupResponse>> reader;
    };
    const auto now = std::chrono::system_clock::now();
    HelpReconnecting(now + absl::ToChronoMilliseconds(std::min(timeout, kReconnectHelp)));
    const auto deadline = now + absl::ToChronoMilliseconds(timeout);
    grpc::CompletionQueue queue;
    std::vector<Pending> calls(requests.size());
    for (size_t i = 0; i < requests.size(); ++i) {
      pb::LookupRequest request;
      ToProto(requests[i], &request);
      Prepare(&calls[i].context, deadline);
      calls[i].reader = stub_->AsyncLookup(&calls[i].context, request, &queue);
      calls[i].reader->Finish(&calls[i].response, &calls[i].status, &calls[i]);
    }
    void* ended = nullptr;
    bool unused = false;
    for (size_t i = 0; i < requests.size(); ++i) queue.Next(&ended, &unused);
    queue.Shutdown();
    while (queue.Next(&ended, &unused)) {
    }
    std::vector<absl::StatusOr<LookupResponse>> outcomes;
    for (const Pending& call : calls) {
      outcomes.push_back(Outcome(call.context, call.status, call.response));
    }
    return outcomes;
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
    const auto now = std::chrono::system_clock::now();
    HelpReconnecting(now + absl::ToChronoMilliseconds(std::min(timeout, kReconnectHelp)));
    grpc::ClientContext context;
    Prepare(&context, now + absl::ToChronoMilliseconds(timeout));
    ProtoResponse proto_response;
    const grpc::Status status = ((*stub_).*method)(&context, proto_request, &proto_response);
    return Outcome(context, status, proto_response);
  }

  void Prepare(grpc::ClientContext* context, std::chrono::system_clock::time_point deadline) const {
    context->set_deadline(deadline);
    if (!authorization_.empty()) context->AddMetadata("authorization", authorization_);
  }

  // After an outage gRPC connects again, but looks at the new connection once in five seconds while no call
  // waits for it, and a call fails at once until it is there. So a call first waits a moment for the connection.
  void HelpReconnecting(std::chrono::system_clock::time_point until) const {
    const grpc_connectivity_state state = channel_->GetState(true);
    if (state == GRPC_CHANNEL_TRANSIENT_FAILURE) channel_->WaitForConnected(until);
  }

  // Requires: the call has ended.
  template <typename ProtoResponse>
  auto Outcome(const grpc::ClientContext& context, const grpc::Status& status,
               const ProtoResponse& proto_response) const -> decltype(FromProto(proto_response)) {
    if (!status.ok()) return tracking::WithWarmUp(ErrorOf(status), WarmUpIn(context));
    auto response = FromProto(proto_response);
    if (!response.ok()) {
      return absl::InternalError(absl::StrCat("tracker ", url_.ToString(),
                                              " sent a malformed response: ", response.status().message()));
    }
    return response;
  }

  static absl::Duration WarmUpIn(const grpc::ClientContext& context) {
    const auto& metadata = context.GetServerTrailingMetadata();
    const auto found = metadata.find(kWarmUpMetadata);
    return found == metadata.end() ? absl::ZeroDuration()
                                   : WarmUpFrom(std::string(found->second.data(), found->second.size()));
  }

  absl::Status ErrorOf(const grpc::Status& status) const {
    const auto code = static_cast<absl::StatusCode>(status.error_code());
    const std::string tracker = absl::StrCat("tracker ", url_.ToString());
    switch (code) {
      case absl::StatusCode::kUnavailable:
        return WithCause(absl::UnavailableError(
                             absl::StrCat(tracker, " can't be reached (", ReasonIn(status.error_message()),
                                          "): is it running, and are host and port right?")),
                         ErrorCause::kTrackerUnreachable);
      case absl::StatusCode::kDeadlineExceeded:
        return WithCause(
            absl::DeadlineExceededError(absl::StrCat(
                tracker,
                " did not answer in time: does a firewall drop packets to it, or is it overloaded?")),
            ErrorCause::kTrackerUnreachable);
      case absl::StatusCode::kUnimplemented:
        return WithCause(
            absl::UnimplementedError(absl::StrCat(tracker,
                                                  " answered, but does not implement this call: is the port "
                                                  "right, and is the tracker recent enough?")),
            ErrorCause::kTrackerRefused);
      case absl::StatusCode::kNotFound:
        return WithCause(absl::NotFoundError(absl::StrCat(tracker, ": ", status.error_message())),
                         ErrorCause::kUnknownContent);
      default:
        return WithCause({code, absl::StrCat(tracker, ": ", status.error_message())},
                         ErrorCause::kTrackerRefused);
    }
  }

  const TrackerUrl url_;
  const std::string authorization_;  // empty: none
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<pb::TrackerService::Stub> stub_;
};

}  // namespace

std::unique_ptr<TrackerClient> MakeGrpcTrackerClient(const TrackerUrl& url, const std::string& token) {
  return std::make_unique<GrpcTrackerClient>(url, token);
}

std::unique_ptr<TrackerClient> MakeTrackerClientWithToken(const TrackerUrl& url, const std::string& token) {
  if (url.protocol != TrackerUrl::Protocol::kUdp) return MakeGrpcTrackerClient(url, token);
  return MakeUdpTrackerClient(url,
                              [token](const TrackerUrl& grpc) { return MakeGrpcTrackerClient(grpc, token); });
}

std::unique_ptr<TrackerClient> MakeTrackerClient(const TrackerUrl& url) {
  return MakeTrackerClientWithToken(url, "");
}

}  // namespace shoal::tracking
