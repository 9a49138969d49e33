#include "shoal/service/grpc/grpc_server.h"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "google/protobuf/stubs/logging.h"
#include "grpc/grpc.h"
#include "grpcpp/grpcpp.h"
#include "grpcpp/resource_quota.h"
#include "shoal/base/mutex.h"
#include "shoal/base/status_macros.h"
#include "shoal/net/accept_loop.h"
#include "shoal/net/event_loop.h"
#include "shoal/service/grpc/grpc_calls.h"
#include "shoal/service/grpc/grpc_health.h"
#include "shoal/service/grpc/grpc_reflection.h"

namespace shoal::service {
namespace {

constexpr int kMaxMetadataBytes = 16 * 1024;
// Per connection. A client holds one stream per content that it watches, and a few calls.
constexpr int kMaxConcurrentStreams = 1000;
// All connections' buffers together; beyond it gRPC sheds connections. Bounds what a flood of reset streams
// can take.
constexpr size_t kMaxMemoryBytes = 256 * 1024 * 1024;
// A connection that does not come up to its first HTTP/2 frames in this time is closed.
constexpr int kHandshakeTimeoutMs = 10'000;
// A connection without calls is closed after this; clients connect again when they need to.
constexpr int kMaxIdleMs = 15 * 60 * 1000;
// How a peer that vanished without a word is found out.
constexpr int kKeepaliveTimeMs = 60'000;
constexpr int kKeepaliveTimeoutMs = 20'000;
// Clients that ping more often than this are cut off; ours do it each 30 s.
constexpr int kMinPingIntervalMs = 10'000;

using Acceptor = grpc::experimental::ExternalConnectionAcceptor;

void QuietProtobufOnce() {
  // Protobuf writes a line to stderr for each string that is no UTF-8: anybody could fill the disk with it.
  static const bool done = (google::protobuf::SetLogHandler(nullptr), true);
  static_cast<void>(done);
}

// gRPC's own listener stops accepting for good once the process has run out of descriptors, and it has no
// bound on the number of connections: so the connections come from a loop of ours, and are handed over one by
// one.
class ExternallyFedServer final : public GrpcServer {
 public:
  ExternallyFedServer(GrpcMethods methods, net::Listener listener)
      : listener_(std::move(listener)), methods_(std::move(methods)), health_(methods_.services()) {
    health_.AddTo(&methods_);
    AddReflection(&methods_);
  }
  ~ExternallyFedServer() override { Stop(absl::ZeroDuration()); }

  absl::Status Open(const Options& options) {
    grpc::ServerBuilder builder;
    acceptor_ = builder.experimental().AddExternalConnectionAcceptor(
        grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD,
        grpc::InsecureServerCredentials());
    builder.SetMaxReceiveMessageSize(static_cast<int>(options.max_message_bytes));
    builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMaxMetadataBytes);
    builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxConcurrentStreams);
    builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, kHandshakeTimeoutMs);
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, kMaxIdleMs);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveTimeMs);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, kMinPingIntervalMs);
    builder.AddChannelArgument(GRPC_ARG_ENABLE_CHANNELZ, 0);
    grpc::ResourceQuota quota("shoal");
    quota.Resize(kMaxMemoryBytes);
    builder.SetResourceQuota(quota);
    calls_ = std::make_unique<GrpcCalls>(&methods_, options.threads, &builder);
    server_ = builder.BuildAndStart();
    if (server_ == nullptr) return absl::InternalError("gRPC did not start its server");
    calls_->Start();
    accept_loop_.emplace(accept_thread_, std::move(listener_), options.max_connections,
                         [this](FileDescriptor connection) {
                           Acceptor::NewConnectionParameters handed_over;
                           handed_over.listener_fd = -1;
                           handed_over.fd = connection.Release();
                           acceptor_->HandleNewConnection(&handed_over);
                         });
    return absl::OkStatus();
  }

  uint16_t port() const override { return accept_loop_->port(); }
  void SetServing(bool serving) override { health_.SetServing(serving); }

  void Stop(absl::Duration grace) override {
    MutexLock lock(&stop_mutex_);
    if (stopped_) return;
    stopped_ = true;
    health_.ShutDown();
    if (accept_loop_) accept_loop_->Stop();
    if (server_) server_->Shutdown(std::chrono::system_clock::now() + absl::ToChronoMilliseconds(grace));
    if (calls_) calls_->Stop();
    if (server_) server_->Wait();
  }

 private:
  net::Listener listener_;  // until the accept loop has it
  GrpcMethods methods_;
  GrpcHealth health_;
  std::unique_ptr<Acceptor> acceptor_;
  std::unique_ptr<GrpcCalls> calls_;  // outlives the server, which gives back calls that were armed
  std::unique_ptr<grpc::Server> server_;
  net::EventLoop accept_thread_{"grpc-accept"};
  std::optional<net::AcceptLoop> accept_loop_;
  Mutex stop_mutex_;
  bool stopped_ ABSL_GUARDED_BY(stop_mutex_) = false;
};

}  // namespace

absl::StatusOr<std::unique_ptr<GrpcServer>> GrpcServer::Start(const Options& options, GrpcMethods methods) {
  SHOAL_ASSIGN_OR_RETURN(net::Listener listener, net::Listener::Open(options.listen));
  QuietProtobufOnce();
  auto server = std::make_unique<ExternallyFedServer>(std::move(methods), std::move(listener));
  SHOAL_RETURN_IF_ERROR(server->Open(options));
  return server;
}

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  // Both use the numbers of google.rpc.Code.
  return {static_cast<grpc::StatusCode>(status.code()), std::string(status.message())};
}

absl::StatusOr<Endpoint> ParseGrpcPeer(absl::string_view peer) {
  if (!absl::ConsumePrefix(&peer, "ipv4:") && !absl::ConsumePrefix(&peer, "ipv6:")) {
    return absl::InvalidArgumentError(absl::StrCat("\"", peer, "\" is no IP address"));
  }
  return Endpoint::Parse(absl::StrReplaceAll(peer, {{"%5B", "["}, {"%5D", "]"}, {"%5b", "["}, {"%5d", "]"}}));
}

}  // namespace shoal::service
