#pragma once

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "shoal/base/endpoint.h"
#include "shoal/service/grpc/grpc_methods.h"

namespace grpc {
class Status;
}  // namespace grpc

namespace shoal::service {

// A gRPC server as every daemon needs it: server reflection and grpc.health.v1 on, message and
// metadata sizes bounded, connections bounded, and a listener that survives running out of descriptors. The
// methods are the caller's.
class GrpcServer {
 public:
  struct Options {
    Endpoint listen;  // port 0: the system chooses
    uint32_t max_message_bytes = 1024 * 1024;
    uint32_t max_connections = 10'000;
    // Threads that take calls and answer them. One polls at a time; each more makes all events more
    // expensive.
    uint32_t threads = 1;
  };

  // What the methods refer to must outlive the server. UNAVAILABLE with the address when it can't be bound.
  // Health is told for the server as a whole and for each service in `methods`; it is NOT_SERVING until
  // SetServing(true).
  static absl::StatusOr<std::unique_ptr<GrpcServer>> Start(const Options& options, GrpcMethods methods);
  virtual ~GrpcServer() = default;  // Stop with no grace

  virtual uint16_t port() const = 0;
  // What grpc.health.v1 answers, for the server as a whole ("") and for each service.
  virtual void SetServing(bool serving) = 0;
  // Health goes NOT_SERVING, no new call is taken, calls in flight may finish for `grace`, then they are
  // cancelled (a handler that does not finish when it is cancelled holds this up). Idempotent; blocks until
  // done.
  virtual void Stop(absl::Duration grace) = 0;
};

// The one place where errors become gRPC's: same code, same message.
grpc::Status ToGrpc(const absl::Status& status);

// Where a call comes from, out of grpc::ServerContextBase::peer() ("ipv4:192.0.2.7:4711",
// "ipv6:%5B2001:db8::1%5D:4711"). INVALID_ARGUMENT for what is no IP address, such as a Unix socket.
absl::StatusOr<Endpoint> ParseGrpcPeer(absl::string_view peer);

}  // namespace shoal::service
