#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "clients/leecher/agent/agent.h"
#include "shoal/base/endpoint.h"
#include "shoal/net/tls/tls_context.h"

namespace shoal::leecher {

// The agent as a daemon: an Agent, its control API over gRPC and HTTP, its page, the files of its contents,
// and its metrics.
//
// Thread safety: all methods are thread-safe but Stop, which one thread calls.
class AgentServer {
 public:
  struct Options {
    Agent::Options agent;
    // Of gRPC, for this user's commands. Empty: none.
    std::string unix_socket;
    std::optional<Endpoint> http;  // port 0: the system chooses
    std::optional<Endpoint> grpc;  // a loopback address
    // One token per line: needed for the API and the contents over HTTP. Empty: none is needed, and `http`
    // must be a loopback address.
    std::string token_file;
    // Names besides localhost and addresses by which the page is reached, such as that of a proxy.
    std::vector<std::string> http_names;
    // Of HTTP; null: without TLS. gRPC stays on this machine and needs none.
    std::shared_ptr<net::TlsContext> http_tls;
    std::string version;
  };

  // Errors: INVALID_ARGUMENT for an address that needs a token and has none; those of Agent::Start,
  // GrpcServer::Start, HttpServer::Start and AccessTokens::Read.
  static absl::StatusOr<std::unique_ptr<AgentServer>> Start(Options options);
  virtual ~AgentServer() = default;  // Stop()

  virtual uint16_t http_port() const = 0;  // 0: none
  virtual Agent& agent() = 0;
  // Ends the listeners, then the agent. Idempotent; blocks until done.
  virtual void Stop() = 0;
};

}  // namespace shoal::leecher
