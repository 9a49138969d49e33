#pragma once

#include <string>

#include "absl/status/status.h"
#include "shoal/service/grpc/grpc_methods.h"
#include "shoal/service/http/http_server.h"

namespace shoal::service {

// The methods of gRPC services as JSON over HTTP, for curl, pages and generated web clients. Messages are
// converted by their descriptors (protobuf's canonical JSON), so that nothing is described twice.
//
// Unary methods follow the unary rules of the Connect protocol (https://connectrpc.com/docs/protocol): POST
// of application/json to PREFIX + "PACKAGE.SERVICE/METHOD"; an error is {"code", "message"} with an HTTP
// status. A method that is described as a read (idempotency_level = NO_SIDE_EFFECTS) also takes GET, as a
// link does. Server streams are Server-Sent Events: GET, one message per event, an error as an event of type
// "error". One that is silent has an event of type "alive" every 15 s. A slow client does not make memory
// grow: the source is asked for the next message only when the client has taken the previous one.
//
// GET has the fields of the request as query parameters, by their JSON or proto names, scalars only.
//
// The services must be linked in with their descriptors. Thread safety: the route's handler runs on the
// server's thread.

// Returns the route for `prefix` ("/api/"), with bodies of at most `max_body_bytes`. `methods` must outlive
// the server.
HttpServer::Route ConnectApi(const GrpcMethods* methods, const std::string& prefix, uint64_t max_body_bytes);

// Returns a route that takes GET alone, and only for the unary methods that are described as reads: for a
// page that everybody may open. Other methods are refused with 403, and other verbs with 405.
HttpServer::Route ReadOnlyApi(const GrpcMethods* methods, const std::string& prefix);

// The response of the Connect protocol for an error.
HttpResponse ConnectError(const absl::Status& status);

}  // namespace shoal::service
