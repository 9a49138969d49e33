#include "shoal/service/grpc/grpc_server.h"

#include <malloc.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <future>
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
#include "grpc/support/log.h"
#include "grpcpp/grpcpp.h"
#include "grpcpp/resource_quota.h"
#include "shoal/base/file_descriptor.h"
#include "shoal/base/mutex.h"
#include "shoal/base/status_macros.h"
#include "shoal/net/accept_loop.h"
#include "shoal/net/event_loop.h"
#include "shoal/service/grpc/grpc_calls.h"
#include "shoal/service/grpc/grpc_connections.h"
#include "shoal/service/grpc/grpc_health.h"
#include "shoal/service/grpc/grpc_reflection.h"
#include "shoal/service/grpc/grpc_tls.h"
#include "shoal/service/log/log.h"

namespace shoal::service {
namespace {

constexpr int kMaxMetadataBytes = 16 * 1024;
// Per connection. A client holds one stream per content that it watches, and a few calls.
constexpr int kMaxConcurrentStreams = 1000;
// All connections' buffers together; beyond it gRPC sheds connections. Bounds what a flood of reset streams
// can take.
constexpr size_t kMaxMemoryBytes = 256 * 1024 * 1024;
// What all connections together may have sent since this side last sent them something.
constexpr uint64_t kMaxUnansweredBytes = 32 * 1024 * 1024;
// A look at so many connections takes a hundredth of the time until the next one at most; with more of them
// each one is looked at less often.
constexpr absl::Duration kLookAtUnanswered = absl::Milliseconds(100);
constexpr size_t kConnectionsPerLook = 500;
constexpr uint64_t kLooksPerTrim = 20;
// A connection whose first HTTP/2 frames have not arrived in this time is closed.
constexpr int kHandshakeTimeoutMs = 10'000;
// A connection without calls is closed after this; clients connect again when they need to.
// The preface of HTTP/2 (RFC 9113, 3.4). gRPC would give each connection memory and a timer before, and work
// for each byte of it that comes alone.
constexpr uint32_t kFirstBytes = 24;
// A client of gRPC in C++ on which no call waits looks at its connection each five seconds.
constexpr std::chrono::seconds kFirstBytesWithin{20};
constexpr int kMaxIdleMs = 15 * 60 * 1000;
// Detect a peer that vanished without closing the connection.
constexpr int kKeepaliveTimeMs = 60'000;
constexpr int kKeepaliveTimeoutMs = 20'000;
// Clients that ping more often than this are cut off; ours do it each 30 s.
constexpr int kMinPingIntervalMs = 10'000;

using Acceptor = grpc::experimental::ExternalConnectionAcceptor;

void LogGrpc(gpr_log_func_args* args) {
  const absl::string_view message = args->message;
  const LogLevel level = absl::StartsWith(message, "assertion failed") ? LogLevel::kError : LogLevel::kDebug;
  Log(level, message, {{"library", "grpc"}, {"source", absl::StrCat(args->file, ":", args->line)}});
}

// Protobuf writes a line for each string that is not UTF-8: any client could fill the disk with them.
void LogProtobuf(google::protobuf::LogLevel level, const char* file, int line, const std::string& message) {
  const bool fatal = level == google::protobuf::LOGLEVEL_FATAL;
  Log(fatal ? LogLevel::kError : LogLevel::kDebug, message,
      {{"library", "protobuf"}, {"source", absl::StrCat(file, ":", line)}});
}

// Removes the socket of a process that has ended. Errors: UNAVAILABLE when a process listens there;
// ALREADY_EXISTS when it is no socket.
absl::Status RemoveStaleSocket(const std::string& path) {
  sockaddr_un address{};
  if (path.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": the path of a socket has at most ",
                                                   sizeof(address.sun_path) - 1,
                                                   " bytes; choose a shorter one"));
  }
  struct stat info{};
  if (lstat(path.c_str(), &info) != 0) return absl::OkStatus();
  if (!S_ISSOCK(info.st_mode))
    return absl::AlreadyExistsError(absl::StrCat(path, " is no socket; choose another path"));
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  const FileDescriptor socket_to_it(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (connect(socket_to_it.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
    return absl::UnavailableError(
        absl::StrCat("another process listens at ", path, ": end it, or choose another path"));
  }
  if (unlink(path.c_str()) != 0 && errno != ENOENT) {
    return ErrnoStatus(errno, absl::StrCat("cannot remove ", path));
  }
  return absl::OkStatus();
}

// A server whose connections come from an AcceptLoop. gRPC's own listener stops accepting for good once the
// process has run out of descriptors, and does not bound the number of connections.
class ExternallyFedServer final : public GrpcServer {
 public:
  ExternallyFedServer(GrpcMethods methods, std::optional<net::Listener> listener, uint32_t max_connections)
      : listener_(std::move(listener)),
        methods_(std::move(methods)),
        health_(methods_.services()),
        connections_(max_connections) {
    health_.AddTo(&methods_);
    AddReflection(&methods_);
  }
  ~ExternallyFedServer() override { Stop(absl::ZeroDuration()); }

  absl::Status Open(const Options& options) {
    credentials_ =
        options.tls == nullptr ? grpc::InsecureServerCredentials() : TlsServerCredentials(options.tls);
    grpc::ServerBuilder builder;
    acceptor_ = builder.experimental().AddExternalConnectionAcceptor(
        grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD, credentials_);
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
    calls_ = std::make_unique<GrpcCalls>(&methods_, &connections_, options.threads, &builder);
    int unix_bound = 1;
    if (!options.unix_socket.empty()) {
      SHOAL_RETURN_IF_ERROR(RemoveStaleSocket(options.unix_socket));
      builder.AddListeningPort(absl::StrCat("unix:", options.unix_socket), grpc::InsecureServerCredentials(),
                               &unix_bound);
    }
    // A socket is made with the rights that this mask leaves: there is no moment in which others may connect.
    const mode_t mask = umask(0077);
    server_ = builder.BuildAndStart();
    umask(mask);
    if (server_ == nullptr && !options.unix_socket.empty()) {
      return absl::UnavailableError(absl::StrCat("cannot listen at ", options.unix_socket));
    }
    if (server_ == nullptr) return absl::InternalError("gRPC did not start its server");
    calls_->Start();
    if (!listener_.has_value()) return absl::OkStatus();
    net::AcceptLoop::Bounds bounds;
    bounds.max_connections = options.max_connections;
    bounds.first_bytes = kFirstBytes;
    bounds.first_bytes_within = kFirstBytesWithin;
    accept_loop_.emplace(accept_thread_, *std::move(listener_), bounds, [this](FileDescriptor connection) {
      connections_.Add(connection.get());
      Acceptor::NewConnectionParameters handed_over;
      handed_over.listener_fd = -1;
      handed_over.fd = connection.Release();
      acceptor_->HandleNewConnection(&handed_over);
    });
    accept_thread_.Post([this] {
      unanswered_timer_.emplace(accept_thread_, kLookAtUnanswered, [this] { LookAtUnanswered(); });
    });
    return absl::OkStatus();
  }

  uint16_t port() const override { return accept_loop_ ? accept_loop_->port() : uint16_t{0}; }
  void SetServing(bool serving) override { health_.SetServing(serving); }

  void Stop(absl::Duration grace) override {
    MutexLock lock(&stop_mutex_);
    if (stopped_) return;
    stopped_ = true;
    health_.ShutDown();
    if (accept_loop_) {
      accept_loop_->Stop();
      std::promise<void> stopped;
      accept_thread_.Post([&] {
        unanswered_timer_.reset();
        stopped.set_value();
      });
      stopped.get_future().wait();
    }
    if (server_) server_->Shutdown(std::chrono::system_clock::now() + absl::ToChronoMilliseconds(grace));
    if (calls_) calls_->Stop();
    if (server_) server_->Wait();
  }

 private:
  // Called on accept_thread_ each kLookAtUnanswered.
  void LookAtUnanswered() {
    ++looks_;
    if (looks_ % (1 + connections_.count() / kConnectionsPerLook) == 0) {
      for (const Endpoint& remote : connections_.EndUnanswered(kMaxUnansweredBytes))
        LogWarning("ended a connection that sends without an end", {{"from", remote.ToString()}});
    }
    // What gRPC frees of them stays with the allocator otherwise.
    if (looks_ % kLooksPerTrim == 0 && connections_.TakeEnded()) malloc_trim(0);
  }

  std::optional<net::Listener> listener_;  // until the accept loop has it
  GrpcMethods methods_;
  GrpcHealth health_;
  GrpcConnections connections_;
  std::shared_ptr<grpc::ServerCredentials> credentials_;  // outlive the server, which calls them
  std::unique_ptr<Acceptor> acceptor_;
  std::unique_ptr<GrpcCalls> calls_;  // outlives the server, which gives back calls that were armed
  std::unique_ptr<grpc::Server> server_;
  net::EventLoop accept_thread_{"grpc-accept"};
  std::optional<net::AcceptLoop> accept_loop_;
  uint64_t looks_ = 0;                              // used on accept_thread_
  std::optional<net::LoopTimer> unanswered_timer_;  // on accept_thread_
  Mutex stop_mutex_;
  bool stopped_ ABSL_GUARDED_BY(stop_mutex_) = false;
};

}  // namespace

absl::StatusOr<std::unique_ptr<GrpcServer>> GrpcServer::Start(const Options& options, GrpcMethods methods) {
  std::optional<net::Listener> listener;
  if (options.listen.has_value()) {
    SHOAL_ASSIGN_OR_RETURN(listener, net::Listener::Open(*options.listen));
  }
  RouteLibraryLogs();
  auto server =
      std::make_unique<ExternallyFedServer>(std::move(methods), std::move(listener), options.max_connections);
  SHOAL_RETURN_IF_ERROR(server->Open(options));
  return server;
}

void RouteLibraryLogs() {
  static const bool done = [] {
    gpr_set_log_function(&LogGrpc);
    gpr_set_log_verbosity(GPR_LOG_SEVERITY_ERROR);  // gRPC's own default, which it sets later
    google::protobuf::SetLogHandler(&LogProtobuf);
    return true;
  }();
  static_cast<void>(done);
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
  std::string text =
      absl::StrReplaceAll(peer, {{"%5B", "["}, {"%5D", "]"}, {"%5b", "["}, {"%5d", "]"}, {"%25", "%"}});
  // A link-local address has a scope, which means something on this machine only: "[fe80::1%2]:4711".
  const size_t scope = text.find('%');
  const size_t end = text.find(']');
  if (scope != std::string::npos && end != std::string::npos && scope < end) text.erase(scope, end - scope);
  return Endpoint::Parse(text);
}

}  // namespace shoal::service
