#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "shoal/base/endpoint.h"
#include "shoal/net/tls/tls_context.h"
#include "shoal/service/grpc/grpc_methods.h"

namespace grpc {
class Status;
}  // namespace grpc

namespace shoal::service {

// The gRPC server of a daemon: with server reflection and grpc.health.v1, bounded messages, metadata and
// connections, and a listener that survives running out of descriptors. The caller supplies the methods.
//
// Thread safety: all methods are thread-safe.
class GrpcServer {
 public:
  struct Options {
    std::optional<Endpoint> listen;  // port 0: the system chooses; unset: no TCP port
    // The path of a socket in the file system, for callers on this machine: only this user may connect. One
    // that an earlier process left is replaced. Empty: none.
    std::string unix_socket = {};
    uint32_t max_message_bytes = 1024 * 1024;
    uint32_t max_connections = 10'000;
    // Threads that take calls and answer them. One of them polls at a time; each additional thread makes
    // every event more expensive.
    uint32_t threads = 1;
    // For the TCP port: TLS 1.3 with these credentials, which need a certificate. Null: without TLS.
    std::shared_ptr<net::TlsContext> tls = nullptr;
  };

  // What the methods refer to must outlive the server. Health is reported for the server as a whole ("") and
  // for each service in `methods`; it is NOT_SERVING until SetServing(true).
  //
  // Errors: UNAVAILABLE, with the address or path, when it can't be bound, or another process listens there.
  static absl::StatusOr<std::unique_ptr<GrpcServer>> Start(const Options& options, GrpcMethods methods);
  virtual ~GrpcServer() = default;  // Stop with no grace

  virtual uint16_t port() const = 0;  // 0 without a TCP port
  // Sets what grpc.health.v1 answers, for the server as a whole and for each service.
  virtual void SetServing(bool serving) = 0;
  // Sets health to NOT_SERVING and accepts no further call. Calls in flight may finish for `grace` and are
  // then cancelled; a handler that does not return delays this. Idempotent; blocks until done.
  virtual void Stop(absl::Duration grace) = 0;
};

// Routes what gRPC (with c-ares in it) and protobuf print on stderr to the log: at debug level, since they
// report what callers get as errors anyway, and at error level when they are about to abort. Called once,
// from main. A GrpcServer does it too.
void RouteLibraryLogs();

// Converts an error to gRPC's type, with the same code and message.
grpc::Status ToGrpc(const absl::Status& status);

// Returns the source of a call, from grpc::ServerContextBase::peer() ("ipv4:192.0.2.7:4711",
// "ipv6:%5B2001:db8::1%5D:4711"). Errors: INVALID_ARGUMENT for what is no IP address, such as a Unix socket.
absl::StatusOr<Endpoint> ParseGrpcPeer(absl::string_view peer);

}  // namespace shoal::service
