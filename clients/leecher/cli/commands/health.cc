#include "clients/leecher/cli/commands/health.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "clients/leecher/cli/commands/commands.h"
#include "clients/leecher/cli/terminal/console.h"
#include "clients/leecher/cli/terminal/terminal_text.h"
#include "shoal/base/status_macros.h"
#include "shoal/service/grpc/grpc_server.h"
#include "shoal/service/grpc/health_client.h"

namespace shoal::leecher {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(2);

}  // namespace

Health::Health(std::unique_ptr<service::GrpcServer> server) : server_(std::move(server)) {}
Health::~Health() = default;

absl::StatusOr<std::unique_ptr<Health>> Health::Start(const std::optional<HostPort>& address) {
  if (!address.has_value()) return std::unique_ptr<Health>();
  service::GrpcServer::Options options;
  SHOAL_ASSIGN_OR_RETURN(options.listen.ip, ResolveHost(address->host));
  options.listen.port = address->port;
  SHOAL_ASSIGN_OR_RETURN(std::unique_ptr<service::GrpcServer> server,
                         service::GrpcServer::Start(options, {}));
  server->SetServing(true);
  return std::unique_ptr<Health>(new Health(std::move(server)));
}

ExitCode RunHealthCheck(const HealthCheckOptions& options) {
  const absl::Status health = service::CheckHealth(options.address, kPatience);
  if (health.ok()) return ExitCode::kOk;
  Console console(Console::Voice::kQuiet);
  console.Error(absl::StrCat("shoal-leecher: ", Printable(std::string(health.message()))));
  return ExitCode::kOther;
}

}  // namespace shoal::leecher
