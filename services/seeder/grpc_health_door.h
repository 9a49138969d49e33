#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "services/seeder/health_door.h"

namespace shoal::seeder {

// grpc.health.v1 with server reflection.
absl::StatusOr<std::unique_ptr<HealthDoor>> OpenGrpcHealthDoor(const Endpoint& listen);

}  // namespace shoal::seeder
