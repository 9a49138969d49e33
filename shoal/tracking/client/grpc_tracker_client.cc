#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "grpcpp/grpcpp.h"
#include "shoal/base/error_cause.h"
#include "shoal/base/mutex.h"
#include "shoal/base/status_macros.h"
#include "shoal/tracker/v1/tracker.grpc.pb.h"
#include "shoal/tracking/client/refusal.h"
#include "shoal/tracking/client/tracker_client.h"
#include "shoal/tracking/messages/proto_conversion.h"
#include "shoal/tracking/messages/warm_up.h"

namespace shoal::tracking {
namespace {

// The largest response is that of GetSwarm with 1,000 peers of a large content.
constexpr int kMaxResponseBytes = 64 * 1024 * 1024;
constexpr int kFirstReconnectMs = 200;
// How long a connection may take, TLS included, on a slow or distant link.
constexpr int kConnectMs = 5000;
constexpr int kMaxReconnectMs = 5000;
// Detects a tracker that vanished silently in less than a minute, even without calls.
constexpr int kKeepaliveTimeMs = 30'000;
constexpr int kKeepaliveTimeoutMs = 10'000;
constexpr absl::Duration kReconnectHelp = absl::Milliseconds(500);

std::shared_ptr<grpc::ChannelCredentials> MakeCredentials(const net::TlsCredentials* tls) {
  if (tls == nullptr) return grpc::InsecureChannelCredentials();
  return grpc::SslCredentials({tls->authorities, tls->key, tls->certificate});
}

std::shared_ptr<grpc::Channel> MakeChannel(const TrackerUrl& url, const net::TlsCredentials* tls) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxResponseBytes);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kFirstReconnectMs);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS,
                   kConnectMs);  // the bound of one attempt, in spite of its name
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kMaxReconnectMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveTimeMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  // Otherwise a new client would inherit the backoff of an older one for the same address.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(url.address.ToString(), MakeCredentials(tls), arguments);
}

// Returns: the cause in a message of gRPC's, which names its own parts first: "failed to connect to all
// addresses; last error: UNKNOWN: ipv4:10.0.0.1:50051: Failed to connect to remote host: Connection refused".
std::string ReasonIn(const std::string& message) {
  if (absl::StrContains(message, "http1.x server")) return "it speaks HTTP/1, not gRPC";
  if (absl::StrContains(message, "handshaker shutdown")) return "no answer in time";
  const size_t colon = message.rfind(": ");
  std::string reason = colon == std::string::npos ? message : message.substr(colon + 2);
  if (!reason.empty()) reason[0] = absl::ascii_tolower(static_cast<unsigned char>(reason[0]));
  return reason;
}

// Returns: what to look at, by the message of a connection that could not be made.
struct Advice {
  absl::string_view text;
  ErrorCause cause = ErrorCause::kTrackerUnreachable;
};

// On a connection that failed. Certificates that one of the two ends does not accept are kNotPermitted.
Advice AdviceOn(absl::string_view message, const net::TlsCredentials* tls) {
  if (absl::StrContains(message, "http1.x server")) {
    return {"that is the port of a page; a tracker has its gRPC port beside it, 50051 unless it says so"};
  }
  if (absl::StrContains(message, "wrong version number")) {
    return {"it speaks no TLS; start it with --tls-cert and --tls-key, or do without TLS here"};
  }
  if (absl::StrContains(message, "certificate verify failed")) {
    return {"is its certificate from a CA in --tls-ca?", ErrorCause::kNotPermitted};
  }
  if (absl::StrContains(message, "not in peer certificate")) {
    return {"its certificate names another host; reach it by a name that is in it",
            ErrorCause::kNotPermitted};
  }
  // What a server does that speaks TLS to a client that does not, or that judges the client's certificate:
  // TLS 1.3 does that when the client has finished already.
  const bool hung_up =
      absl::StrContains(message, "failed to connect") && absl::StrContains(message, "Socket closed");
  if (hung_up && tls == nullptr) {
    return {"it hangs up on this client; if it speaks TLS: give --tls-ca, --tls-cert and --tls-key"};
  }
  if (hung_up && tls->certificate.empty()) {
    return {"it hangs up on this client; if it demands a certificate: give --tls-cert and --tls-key",
            ErrorCause::kNotPermitted};
  }
  if (hung_up) {
    return {"it hangs up on this client; is the certificate of --tls-cert from its CA, and still valid?",
            ErrorCause::kNotPermitted};
  }
  if (absl::StrContains(message, "handshaker shutdown"))
    return {"does a firewall drop the packets, or is that machine off?"};
  return {"is it running, and are host and port right?"};
}

class GrpcTrackerClient final : public TrackerClient {
 public:
  GrpcTrackerClient(const TrackerUrl& url, const TrackerAccess& access)
      : url_(url),
        tls_(access.tls),
        tickets_(access.tls == nullptr ? nullptr : access.tickets),
        authorization_(access.token.empty() ? "" : absl::StrCat("Bearer ", access.token)) {}

  absl::StatusOr<RegisterResponse> Register(const RegisterRequest& request, absl::Duration timeout) override {
    return Learn(Call<pb::RegisterRequest, pb::RegisterResponse>(&pb::TrackerService::Stub::Register, request,
                                                                 timeout));
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
    return Learn(std::move(response));
  }
  absl::StatusOr<HeartbeatResponse> Heartbeat(const HeartbeatRequest& request,
                                              absl::Duration timeout) override {
    return Learn(Call<pb::HeartbeatRequest, pb::HeartbeatResponse>(&pb::TrackerService::Stub::Heartbeat,
                                                                   request, timeout));
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
    const std::shared_ptr<const Connection> connection = Connected();
    HelpReconnecting(*connection, now + absl::ToChronoMilliseconds(std::min(timeout, kReconnectHelp)));
    const auto deadline = now + absl::ToChronoMilliseconds(timeout);
    grpc::CompletionQueue queue;
    std::vector<Pending> calls(requests.size());
    for (size_t i = 0; i < requests.size(); ++i) {
      pb::LookupRequest request;
      ToProto(requests[i], &request);
      Prepare(&calls[i].context, deadline);
      calls[i].reader = connection->stub->AsyncLookup(&calls[i].context, request, &queue);
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
      outcomes.push_back(Outcome(call.context, call.status, call.response, connection->credentials.get()));
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
  struct Connection {
    Connection(const TrackerUrl& url, std::shared_ptr<const net::TlsCredentials> with)
        : credentials(std::move(with)),
          channel(MakeChannel(url, credentials.get())),
          stub(pb::TrackerService::NewStub(channel)) {}

    const std::shared_ptr<const net::TlsCredentials> credentials;  // null: without TLS
    const std::shared_ptr<grpc::Channel> channel;
    const std::unique_ptr<pb::TrackerService::Stub> stub;
  };

  // The connection with the credentials that the files hold now.
  std::shared_ptr<const Connection> Connected() {
    const auto credentials = tls_ == nullptr ? nullptr : tls_->Current();
    MutexLock lock(&mutex_);
    if (connection_ == nullptr || connection_->credentials != credentials) {
      connection_ = std::make_shared<const Connection>(url_, credentials);
    }
    return connection_;
  }

  template <typename ProtoRequest, typename ProtoResponse, typename Request>
  auto Call(grpc::Status (pb::TrackerService::Stub::*method)(grpc::ClientContext*, const ProtoRequest&,
                                                             ProtoResponse*),
            const Request& request, absl::Duration timeout)
      -> decltype(FromProto(std::declval<ProtoResponse>())) {
    ProtoRequest proto_request;
    ToProto(request, &proto_request);
    const auto now = std::chrono::system_clock::now();
    const std::shared_ptr<const Connection> connection = Connected();
    HelpReconnecting(*connection, now + absl::ToChronoMilliseconds(std::min(timeout, kReconnectHelp)));
    grpc::ClientContext context;
    Prepare(&context, now + absl::ToChronoMilliseconds(timeout));
    ProtoResponse proto_response;
    const grpc::Status status = ((*connection->stub).*method)(&context, proto_request, &proto_response);
    return Outcome(context, status, proto_response, connection->credentials.get());
  }

  template <typename Response>
  absl::StatusOr<Response> Learn(absl::StatusOr<Response> response) const {
    if (tickets_ != nullptr && response.ok()) tickets_->Learn(url_.ToString(), response->ticket_issuer);
    return response;
  }

  void Prepare(grpc::ClientContext* context, std::chrono::system_clock::time_point deadline) const {
    context->set_deadline(deadline);
    if (!authorization_.empty()) context->AddMetadata("authorization", authorization_);
  }

  // After an outage gRPC connects again, but looks at the new connection once in five seconds while no call
  // waits for it, and a call fails at once until it is there. So a call first waits a moment for the
  // connection.
  static void HelpReconnecting(const Connection& connection, std::chrono::system_clock::time_point until) {
    const grpc_connectivity_state state = connection.channel->GetState(true);
    if (state == GRPC_CHANNEL_TRANSIENT_FAILURE) connection.channel->WaitForConnected(until);
  }

  // Requires: the call has ended.
  template <typename ProtoResponse>
  auto Outcome(const grpc::ClientContext& context, const grpc::Status& status,
               const ProtoResponse& proto_response, const net::TlsCredentials* tls) const
      -> decltype(FromProto(proto_response)) {
    if (!status.ok()) return tracking::WithWarmUp(ErrorOf(status, tls), WarmUpIn(context));
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

  absl::Status ErrorOf(const grpc::Status& status, const net::TlsCredentials* tls) const {
    const auto code = static_cast<absl::StatusCode>(status.error_code());
    const std::string tracker = absl::StrCat("tracker ", url_.ToString());
    switch (code) {
      case absl::StatusCode::kUnavailable: {
        const Advice advice = AdviceOn(status.error_message(), tls);
        return WithCause(
            absl::UnavailableError(absl::StrCat(tracker, " can't be reached (",
                                                ReasonIn(status.error_message()), "): ", advice.text)),
            advice.cause);
      }
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
      default:
        return WithCause({code, absl::StrCat(tracker, ": ", status.error_message())}, CauseOfAnswer(code));
    }
  }

  const TrackerUrl url_;
  const std::shared_ptr<net::TlsContext> tls_;     // null: without TLS
  const std::shared_ptr<TicketVerifier> tickets_;  // may be null
  const std::string authorization_;                // empty: none
  Mutex mutex_;
  std::shared_ptr<const Connection> connection_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

std::unique_ptr<TrackerClient> MakeGrpcTrackerClient(const TrackerUrl& url, const TrackerAccess& access) {
  return std::make_unique<GrpcTrackerClient>(url, access);
}

std::unique_ptr<TrackerClient> MakeTrackerClient(const TrackerUrl& url, const TrackerAccess& access) {
  if (url.protocol != TrackerUrl::Protocol::kUdp) return MakeGrpcTrackerClient(url, access);
  return MakeUdpTrackerClient(
      url, [access](const TrackerUrl& grpc) { return MakeGrpcTrackerClient(grpc, access); });
}

}  // namespace shoal::tracking
