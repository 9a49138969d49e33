#include "shoal/service/grpc/health_endpoint.h"

#include <chrono>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/grpcpp.h"
#include "shoal/base/status_macros.h"
#include "shoal/service/grpc/grpc_server.h"

namespace shoal::service {
namespace {

// HealthCheckResponse{status: SERVING}: field 1, varint 1. The messages of grpc.health.v1 are small and will
// not change, so their bytes are written out here instead of using generated code. The request is the empty
// message.
constexpr char kServing[] = {0x08, 0x01};

class GrpcHealthEndpoint final : public HealthEndpoint {
 public:
  explicit GrpcHealthEndpoint(std::unique_ptr<GrpcServer> server) : server_(std::move(server)) {}

  uint16_t port() const override { return server_->port(); }
  void SetServing(bool serving) override { server_->SetServing(serving); }
  void Stop() override { server_->Stop(absl::ZeroDuration()); }

 private:
  const std::unique_ptr<GrpcServer> server_;
};

constexpr uint32_t kMaxHealthConnections = 100;

// Credentials to call a process that has the same files.
std::shared_ptr<grpc::ChannelCredentials> CredentialsForOneself(net::TlsContext& tls,
                                                                grpc::ChannelArguments* arguments) {
  const auto own = tls.Current();
  // The address of this machine need not be in the certificate.
  if (!own->dns_names.empty()) arguments->SetSslTargetNameOverride(own->dns_names.front());
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = own->demands_certificates() ? own->authorities : own->certificate;
  options.pem_private_key = own->key;
  options.pem_cert_chain = own->certificate;
  return grpc::SslCredentials(options);
}

// Why a call failed, in words for people: gRPC's own are about its parts.
std::string ReasonFor(const grpc::Status& status) {
  const std::string& message = status.error_message();
  const auto has = [&](absl::string_view words) { return absl::StrContains(message, words); };
  if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) return "nothing came back in time";
  if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED)
    return "there is no health service at that port";
  if (has("Connection refused")) return "connection refused: is it running, and is the port right?";
  if (has("No such file or directory")) return "there is no such socket: is it running?";
  if (has("DNS resolution failed")) return "the host is not known";
  if (has("Socket closed")) return "it hangs up: does only one of the two speak TLS?";
  return message;
}

}  // namespace

absl::StatusOr<std::unique_ptr<HealthEndpoint>> OpenHealthEndpoint(const Endpoint& listen) {
  GrpcServer::Options options;
  options.listen = listen;
  options.max_connections = kMaxHealthConnections;
  SHOAL_ASSIGN_OR_RETURN(std::unique_ptr<GrpcServer> server, GrpcServer::Start(options, {}));
  return std::make_unique<GrpcHealthEndpoint>(std::move(server));
}

absl::Status CheckHealth(const std::string& target, absl::Duration timeout,
                         const std::shared_ptr<net::TlsContext>& tls) {
  RouteLibraryLogs();
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  const auto credentials =
      tls == nullptr ? grpc::InsecureChannelCredentials() : CredentialsForOneself(*tls, &arguments);
  grpc::GenericStub stub(grpc::CreateCustomChannel(target, credentials, arguments));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + absl::ToChronoMilliseconds(timeout));
  grpc::CompletionQueue queue;
  grpc::Slice empty;
  const grpc::ByteBuffer request(&empty, 1);
  grpc::ByteBuffer response;
  grpc::Status status;
  auto call = stub.PrepareUnaryCall(&context, "/grpc.health.v1.Health/Check", request, &queue);
  call->StartCall();
  call->Finish(&response, &status, nullptr);
  void* tag = nullptr;
  bool done = false;
  queue.Next(&tag, &done);
  if (!status.ok())
    return absl::UnavailableError(absl::StrCat(target, " does not answer: ", ReasonFor(status)));
  grpc::Slice answer;
  if (!response.DumpToSingleSlice(&answer).ok() ||
      absl::string_view(reinterpret_cast<const char*>(answer.begin()), answer.size()) !=
          absl::string_view(kServing, sizeof(kServing))) {
    return absl::UnavailableError(absl::StrCat(target, " is not serving"));
  }
  return absl::OkStatus();
}

}  // namespace shoal::service
