#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "shoal/base/endpoint.h"
#include "shoal/base/file_descriptor.h"
#include "shoal/net/tls/tls_context.h"

namespace shoal::service {

struct HttpRequest {
  std::string method;
  std::string path;   // decoded, without the query
  std::string query;  // raw, without '?'
  std::string body;
  std::map<std::string, std::string> headers = {};  // by name in lower case; repeated ones joined by ", "
  Endpoint remote = {};
  Endpoint local = {};

  // Empty when there is none. `name` in lower case.
  const std::string& Header(const std::string& name) const;
};

// The source of a body that is not there at once, or lies in files. Used on the server's thread; destroyed
// when the response ends, for any reason.
class HttpStream {
 public:
  struct Nothing {};  // nothing yet; the wake function that the opener got follows
  struct End {};
  // A region is sent from the page cache, without a copy.
  using Next = std::variant<Nothing, End, std::string, FileRegion>;

  virtual ~HttpStream() = default;
  // Returns what to send next. Called when the client has taken what came before, so a slow client does not
  // make memory grow.
  virtual Next Take() = 0;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body = {};
  std::vector<std::pair<std::string, std::string>> headers = {};  // besides those that the server sets
  // If set, the body comes from what this opens, instead of `body`. `wake` is thread-safe and may be called
  // at any time, also after the server's end. Not called for HEAD.
  std::function<std::unique_ptr<HttpStream>(std::function<void()> wake)> open_stream = nullptr;
  // The length of the body of `open_stream`, sent as Content-Length. Unset: unknown, so the end of the stream
  // ends the body. If the stream ends early, the connection is closed, so that the client detects the
  // truncation.
  std::optional<uint64_t> length_bytes = std::nullopt;
  // Sent each time `open_stream` has had nothing for Options::longest_silence, so that the client and what
  // lies between see that this end is alive, and this end sees a client that is gone. Empty: nothing is sent.
  std::string sign_of_life = {};
};

// The target of an HTTP request, split into path and query. Value type, pure.
struct HttpTarget {
  std::string path;   // decoded; starts with '/'
  std::string query;  // raw, without '?'

  // Errors: INVALID_ARGUMENT for a target that does not start with '/', for a '%' without two hex digits, and
  // for a NUL.
  static absl::StatusOr<HttpTarget> Parse(absl::string_view target);
};

// The fields of a query ("a=1&b=%20+"), in order, decoded. A field without '=' has an empty value. Errors: as
// HttpTarget::Parse for '%' and NUL.
absl::StatusOr<std::vector<std::pair<std::string, std::string>>> ParseQuery(absl::string_view query);

// A small HTTP/1.1 server for metrics, pages and an API, on a thread of its own. Connections, heads (8 KiB),
// bodies and the time of a request or response (10 s) are bounded. A stream may last as long as its client
// takes some of it within 60 s, and ends when the client hangs up.
//
// Thread safety: port() is thread-safe; Stop is called on one thread, which is not the server's.
class HttpServer {
 public:
  // Run on the server's thread and must not block.
  using Handler = std::function<HttpResponse(const HttpRequest&)>;

  static constexpr uint64_t kDefaultMaxBodyBytes = 64 * 1024;
  struct Route {
    Route() = default;
    template <std::invocable<const HttpRequest&> Function>
    Route(Function function) : handler(std::move(function)) {}  // NOLINT: a handler alone is a route

    Handler handler;
    // Other methods are answered with 405. GET stands for HEAD as well.
    std::vector<std::string> methods = {"GET"};
    // Larger bodies are answered with 413. At most two bodies above the default are taken at a time; further
    // ones are answered with 503.
    uint64_t max_body_bytes = kDefaultMaxBodyBytes;
    // Takes all paths that begin with this one and no longer one matches.
    bool prefix = false;
  };
  // By path.
  using Routes = std::map<std::string, Route>;

  struct Options {
    Endpoint listen;  // port 0: the system chooses
    uint32_t max_connections = 256;
    // Called for each request, once its head is there and before its body is read. Returns a response to
    // refuse it. Null: every request is admitted.
    std::function<std::optional<HttpResponse>(const HttpRequest& head)> admit = nullptr;
    // HTTPS with these credentials, which need a certificate. Clients need none unless TlsFiles::browsers_too
    // is set. Null: without TLS.
    std::shared_ptr<net::TlsContext> tls = nullptr;
    // See HttpResponse::sign_of_life.
    absl::Duration longest_silence = absl::Seconds(15);
  };

  // Errors: UNAVAILABLE, with the address, when it can't be bound.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(const Options& options, Routes routes);
  virtual ~HttpServer() = default;  // Stop()

  virtual uint16_t port() const = 0;
  // Closes the listener and all connections. Idempotent; blocks until done.
  virtual void Stop() = 0;
};

}  // namespace shoal::service
