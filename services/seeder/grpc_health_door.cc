#include "services/seeder/grpc_health_door.h"

#include <utility>

#include "shoal/base/status_macros.h"
#include "shoal/service/grpc/grpc_server.h"

namespace shoal::seeder {
namespace {

class GrpcHealthDoor final : public HealthDoor {
 public:
  explicit GrpcHealthDoor(std::unique_ptr<service::GrpcServer> server) : server_(std::move(server)) {}

  uint16_t port() const override { return server_->port(); }
  void SetServing(bool serving) override { server_->SetServing(serving); }
  // Health checks are short: nothing is worth waiting for.
  void Stop() override { server_->Stop(absl::ZeroDuration()); }

 private:
  const std::unique_ptr<service::GrpcServer> server_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<HealthDoor>> OpenGrpcHealthDoor(const Endpoint& listen) {
  service::GrpcServer::Options options;
  options.listen = listen;
  options.max_connections = 100;
  SHOAL_ASSIGN_OR_RETURN(std::unique_ptr<service::GrpcServer> server,
                         service::GrpcServer::Start(options, {}));
  return std::make_unique<GrpcHealthDoor>(std::move(server));
}

}  // namespace shoal::seeder
