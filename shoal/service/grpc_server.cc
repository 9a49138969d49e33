#include "shoal/service/grpc_server.h"

#include <chrono>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "google/protobuf/stubs/logging.h"
#include "grpc/grpc.h"
#include "grpcpp/ext/channelz_service_plugin.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/grpcpp.h"
#include "grpcpp/health_check_service_interface.h"
#include "grpcpp/resource_quota.h"
#include "shoal/base/mutex.h"
#include "shoal/base/status_macros.h"
#include "shoal/service/accept_loop.h"

namespace shoal {
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

void InitGrpcOnce() {
  static const bool done = [] {
    // By name, because a plugin that nothing refers to is left out by the linker.
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    grpc::channelz::experimental::InitChannelzService();
    grpc::EnableDefaultHealthCheckService(true);
    // Protobuf writes a line to stderr for each string that is no UTF-8: anybody could fill the disk with it.
    google::protobuf::SetLogHandler(nullptr);
    return true;
  }();
  static_cast<void>(done);
}

// gRPC's own listener stops accepting for good once the process has run out of descriptors, and it has no
// bound on the number of connections: so the connections come from a loop of ours, and are handed over one by
// one.
class ExternallyFedServer final : public GrpcServer {
 public:
  ExternallyFedServer(const Options& options, std::unique_ptr<grpc::Server> server,
                      std::unique_ptr<Acceptor> acceptor, Listener listener)
      : service_names_(options.service_names),
        acceptor_(std::move(acceptor)),
        server_(std::move(server)),
        accept_loop_(std::move(listener), options.max_connections, [this](FileDescriptor connection) {
          Acceptor::NewConnectionParameters handed_over;
          handed_over.listener_fd = -1;
          handed_over.fd = connection.Release();
          acceptor_->HandleNewConnection(&handed_over);
        }) {
    SetServing(false);
  }
  ~ExternallyFedServer() override { Stop(absl::ZeroDuration()); }

  uint16_t port() const override { return accept_loop_.port(); }

  void SetServing(bool serving) override {
    auto* const health = server_->GetHealthCheckService();
    health->SetServingStatus("", serving);
    for (const std::string& name : service_names_) health->SetServingStatus(name, serving);
  }

  void Stop(absl::Duration grace) override {
    MutexLock lock(&stop_mutex_);
    if (stopped_) return;
    stopped_ = true;
    // For good: later calls of SetServing change nothing.
    server_->GetHealthCheckService()->Shutdown();
    accept_loop_.Stop();
    server_->Shutdown(std::chrono::system_clock::now() + absl::ToChronoMilliseconds(grace));
    server_->Wait();
  }

 private:
  const std::vector<std::string> service_names_;
  const std::unique_ptr<Acceptor> acceptor_;
  const std::unique_ptr<grpc::Server> server_;
  AcceptLoop accept_loop_;
  Mutex stop_mutex_;
  bool stopped_ ABSL_GUARDED_BY(stop_mutex_) = false;
};

}  // namespace

absl::StatusOr<std::unique_ptr<GrpcServer>> GrpcServer::Start(const Options& options,
                                                              const std::vector<grpc::Service*>& services) {
  SHOAL_ASSIGN_OR_RETURN(Listener listener, Listener::Open(options.listen));
  InitGrpcOnce();
  grpc::ServerBuilder builder;
  auto acceptor = builder.experimental().AddExternalConnectionAcceptor(
      grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD,
      grpc::InsecureServerCredentials());
  for (grpc::Service* service : services) builder.RegisterService(service);
  builder.SetMaxReceiveMessageSize(static_cast<int>(options.max_message_bytes));
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMaxMetadataBytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxConcurrentStreams);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, kHandshakeTimeoutMs);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, kMaxIdleMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveTimeMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, kMinPingIntervalMs);
  grpc::ResourceQuota quota("shoal");
  quota.Resize(kMaxMemoryBytes);
  builder.SetResourceQuota(quota);
  auto server = builder.BuildAndStart();
  if (server == nullptr) return absl::InternalError("gRPC did not start its server");
  return std::make_unique<ExternallyFedServer>(options, std::move(server), std::move(acceptor),
                                               std::move(listener));
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

}  // namespace shoal
