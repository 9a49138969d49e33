#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "shoal/base/byte_order.h"
#include "shoal/service/grpc/grpc_methods.h"

namespace shoal::service {

// Answers one request of server reflection; request and response are the bytes of the messages of
// protos/grpc/reflection/v1/reflection.proto. Knows the files of protos/, with their comments. What is not found
// is an answer, not an error. Errors: INVALID_ARGUMENT when `question` is no request.
absl::StatusOr<std::string> AnswerReflection(ByteView question, const std::vector<std::string>& services);

// Adds grpc.reflection.v1 and v1alpha. They list every service that `methods` has when they are asked.
void AddReflection(GrpcMethods* methods);

}  // namespace shoal::service
