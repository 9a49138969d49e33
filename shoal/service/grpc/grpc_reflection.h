#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "shoal/base/byte_order.h"
#include "shoal/service/grpc/grpc_methods.h"

namespace shoal::service {

// Server reflection over the files of protos/, with their comments: grpcurl and similar tools need no proto
// file. The descriptors are built at the first request and kept for the life of the process.
//
// Thread safety: thread-safe.

// Returns the response to one request. Both are the bytes of the messages of
// protos/grpc/reflection/v1/reflection.proto. `services` is the list that a client gets when it asks for one.
// A symbol that is not found is a response with an error_response, not an error. Errors: INVALID_ARGUMENT
// when `question` is no ServerReflectionRequest.
absl::StatusOr<std::string> AnswerReflection(ByteView question, const std::vector<std::string>& services);

// Adds grpc.reflection.v1.ServerReflection and its v1alpha form, which older clients request. They list every
// service that `methods` has at the time of the request, so the order of the calls that fill `methods` does
// not matter. `methods` must outlive the server.
void AddReflection(GrpcMethods* methods);

}  // namespace shoal::service
