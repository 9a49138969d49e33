#pragma once

#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "shoal/base/endpoint.h"

namespace shoal::service {
class GrpcServer;
}  // namespace shoal::service

namespace shoal::leecher {

// Answers grpc.health.v1 with SERVING at `address` for as long as it lives, so that containers can tell that
// the process is at work. Null for no address.
class Health {
 public:
  static absl::StatusOr<std::unique_ptr<Health>> Start(const std::optional<HostPort>& address);
  ~Health();

 private:
  explicit Health(std::unique_ptr<service::GrpcServer> server);
  const std::unique_ptr<service::GrpcServer> server_;
};

}  // namespace shoal::leecher
