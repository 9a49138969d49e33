#include "clients/leecher/agent/server/agent_server.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "clients/leecher/agent/api/downloads_service.h"
#include "clients/leecher/agent/content/content_pages.h"
#include "clients/leecher/agent/server/agent_metrics.h"
#include "shoal/base/error_cause.h"
#include "shoal/base/status_macros.h"
#include "shoal/net/interface_addresses.h"
#include "shoal/service/grpc/grpc_server.h"
#include "shoal/service/http/connect_api.h"
#include "shoal/service/http/http_server.h"
#include "shoal/service/http/request_guard.h"
#include "shoal/service/serving_pages.h"
#include "web/pages.h"

namespace shoal::leecher {
namespace {

constexpr char kApiPrefix[] = "/api/";
// A .shoal file, in base64.
constexpr uint64_t kMaxApiBodyBytes = 96 * 1024 * 1024;
constexpr uint32_t kMaxGrpcMessageBytes = 72 * 1024 * 1024;

// The contents of an agent, to be read.
class AgentContents final : public ReadableContents {
 public:
  explicit AgentContents(Agent* agent) : agent_(agent) {}

  absl::StatusOr<ReadableContent> FindDownload(uint64_t id) const override { return Find(DownloadId(id)); }
  absl::StatusOr<ReadableContent> FindContent(const ContentId& content) const override {
    const DownloadId id = agent_->FindContent(content);
    if (id == DownloadId()) return absl::NotFoundError("there is no such content here");
    return Find(id);
  }

 private:
  absl::StatusOr<ReadableContent> Find(DownloadId id) const {
    SHOAL_ASSIGN_OR_RETURN(const AgentDownload download, agent_->Get(id));
    ReadableContent content;
    content.source = agent_->SourceOf(id);
    if (content.source == nullptr) return absl::UnavailableError("its files are not known yet");
    content.in_use = agent_->BeginReading(id);
    using State = AgentDownload::State;
    if (download.state == State::kComplete || download.state == State::kFailed) return content;
    content.open_reader = [agent = agent_, id](ChunkRange chunks, std::function<void()> wake) {
      return agent->OpenReader(id, chunks, std::move(wake));
    };
    return content;
  }

  Agent* const agent_;
};

class Server final : public AgentServer {
 public:
  explicit Server(Options options) : options_(std::move(options)) {}
  ~Server() override { Stop(); }

  absl::Status Open() {
    if (!options_.token_file.empty()) {
      SHOAL_ASSIGN_OR_RETURN(tokens_, service::AccessTokens::Read(options_.token_file));
    }
    SHOAL_RETURN_IF_ERROR(CheckAddresses());
    SHOAL_ASSIGN_OR_RETURN(agent_, Agent::Start(std::move(options_.agent)));
    service_ = std::make_unique<DownloadsService>(agent_.get(), options_.version);
    service_->AddTo(&methods_);
    contents_ = std::make_unique<AgentContents>(agent_.get());
    pages_ = std::make_unique<ContentPages>(*contents_);
    SHOAL_RETURN_IF_ERROR(OpenGrpc());
    return OpenHttp();
  }

  uint16_t http_port() const override { return http_ == nullptr ? uint16_t{0} : http_->port(); }
  Agent& agent() override { return *agent_; }

  void Stop() override {
    if (service_ != nullptr) service_->EndWatches();
    if (http_ != nullptr) http_->Stop();
    if (grpc_ != nullptr) grpc_->Stop(absl::Seconds(1));
    http_.reset();
    grpc_.reset();
    agent_.reset();
  }

 private:
  absl::Status CheckAddresses() const {
    if (options_.http.has_value() && !tokens_.has_value() && !net::IsLoopback(options_.http->ip)) {
      return WithCause(absl::InvalidArgumentError(absl::StrCat(
                           "--http=", options_.http->ToString(),
                           ": others could reach it, so it needs --token-file; 127.0.0.1 needs none")),
                       ErrorCause::kUsage);
    }
    if (options_.grpc.has_value() && (tokens_.has_value() || !net::IsLoopback(options_.grpc->ip))) {
      return WithCause(absl::InvalidArgumentError(absl::StrCat(
                           "--grpc=", options_.grpc->ToString(),
                           ": gRPC asks for no token, so it takes a loopback address, and none beside"
                           " --token-file")),
                       ErrorCause::kUsage);
    }
    return absl::OkStatus();
  }

  absl::Status OpenGrpc() {
    if (options_.unix_socket.empty() && !options_.grpc.has_value()) return absl::OkStatus();
    service::GrpcServer::Options options;
    options.listen = options_.grpc;
    options.unix_socket = options_.unix_socket;
    options.max_message_bytes = kMaxGrpcMessageBytes;
    SHOAL_ASSIGN_OR_RETURN(grpc_, service::GrpcServer::Start(options, methods_));
    grpc_->SetServing(true);
    return absl::OkStatus();
  }

  absl::Status OpenHttp() {
    if (!options_.http.has_value()) return absl::OkStatus();
    service::HttpServer::Routes routes = service::ServingPages(
        "shoal_leecher", options_.version, [agent = agent_.get()] { return agent->figures(); });
    routes["/metrics"] = [agent = agent_.get(), serving = routes["/metrics"].handler,
                          metrics = std::make_shared<AgentMetrics>()](const service::HttpRequest& request) {
      service::HttpResponse response = serving(request);
      response.body += metrics->Render(agent->totals());
      return response;
    };
    for (auto& [path, route] : service::FileRoutes(AgentPage(), "/")) routes[path] = std::move(route);
    routes[kApiPrefix] = service::ConnectApi(&methods_, kApiPrefix, kMaxApiBodyBytes);
    service::HttpServer::Route content(
        [pages = pages_.get()](const service::HttpRequest& request) { return pages->Serve(request); });
    content.prefix = true;
    routes[ContentPages::kPrefix] = std::move(content);

    service::RequestGuard::Options guard;
    guard.host_names = options_.http_names;
    guard.tokens = tokens_;
    // Metrics name the contents.
    guard.guarded_prefixes = {kApiPrefix, ContentPages::kPrefix, "/metrics"};
    service::HttpServer::Options options;
    options.listen = *options_.http;
    options.tls = options_.http_tls;
    options.max_connections = 1024;
    options.admit = [guard = std::make_shared<const service::RequestGuard>(std::move(guard))](
                        const service::HttpRequest& head) { return guard->Judge(head); };
    SHOAL_ASSIGN_OR_RETURN(http_, service::HttpServer::Start(options, std::move(routes)));
    return absl::OkStatus();
  }

  Options options_;
  std::optional<service::AccessTokens> tokens_;  // unset: none are needed
  std::unique_ptr<Agent> agent_;
  std::unique_ptr<DownloadsService> service_;
  service::GrpcMethods methods_;
  std::unique_ptr<AgentContents> contents_;
  std::unique_ptr<ContentPages> pages_;
  std::unique_ptr<service::GrpcServer> grpc_;
  std::unique_ptr<service::HttpServer> http_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<AgentServer>> AgentServer::Start(Options options) {
  auto server = std::make_unique<Server>(std::move(options));
  SHOAL_RETURN_IF_ERROR(server->Open());
  return server;
}

}  // namespace shoal::leecher
