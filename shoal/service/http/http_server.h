#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "shoal/base/endpoint.h"

namespace shoal::service {

struct HttpRequest {
  std::string method;
  std::string path;   // decoded, without the query
  std::string query;  // raw, without '?'
  std::string body;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

// A small HTTP/1.1 server for metrics, health and pages: one thread, bounded connections, heads and bodies (8
// KiB and 64 KiB), ten seconds of patience. Not for payloads.
class HttpServer {
 public:
  using Handler = std::function<HttpResponse(const HttpRequest&)>;
  // By exact path. Handlers run on the server's thread and must not block. GET and HEAD; others are answered
  // with 405.
  using Routes = std::map<std::string, Handler>;

  struct Options {
    Endpoint listen;  // port 0: the system chooses
    uint32_t max_connections = 256;
  };

  // UNAVAILABLE with the address when it can't be bound.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(const Options& options, Routes routes);
  virtual ~HttpServer() = default;  // Stop()

  virtual uint16_t port() const = 0;
  // Idempotent, blocks until done.
  virtual void Stop() = 0;
};

}  // namespace shoal::service
