#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "shoal/base/byte_order.h"
#include "shoal/service/grpc/grpc_methods.h"

namespace shoal::service {

// One question of server reflection and its answer, both as bytes of the messages of
// protos/grpc/reflection/v1alpha/reflection.proto. Knows the files that are linked into this program.
// INVALID_ARGUMENT for what is no question; what is not found is an answer.
absl::StatusOr<std::string> AnswerReflection(ByteView question, const std::vector<std::string>& services);

// Adds the service, which will name all services that `methods` has when it is asked, itself among them.
void AddReflection(GrpcMethods* methods);

}  // namespace shoal::service
