#include "shoal/service/http/http_server.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <optional>
#include <utility>

#include "boost/asio/awaitable.hpp"
#include "boost/asio/co_spawn.hpp"
#include "boost/asio/detached.hpp"
#include "boost/asio/io_context.hpp"
#include "boost/asio/ip/tcp.hpp"
#include "boost/asio/redirect_error.hpp"
#include "boost/asio/steady_timer.hpp"
#include "boost/asio/use_awaitable.hpp"
#include "boost/beast/core/flat_buffer.hpp"
#include "boost/beast/core/tcp_stream.hpp"
#include "boost/beast/http.hpp"
#include "shoal/base/file_descriptor.h"
#include "shoal/base/status_macros.h"
#include "shoal/net/accept_loop.h"
#include "shoal/net/event_loop.h"
#include "shoal/net/listener.h"
#include "shoal/service/http/http_target.h"

namespace shoal::service {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;

constexpr uint32_t kMaxHeadBytes = 8 * 1024;
constexpr uint64_t kMaxBodyBytes = 64 * 1024;
constexpr std::chrono::seconds kPatience{10};

using Response = http::response<http::string_body>;

// Answers with an error, or with what a route says: everything but the bytes on the wire.
Response MakeResponse(const HttpResponse& from, unsigned http_version, bool keep_alive) {
  Response response(static_cast<http::status>(from.status), http_version);
  response.set(http::field::content_type, from.content_type);
  response.set("X-Content-Type-Options", "nosniff");
  if (from.status == 405) response.set(http::field::allow, "GET, HEAD");
  response.keep_alive(keep_alive);
  response.body() = from.body;
  response.prepare_payload();
  return response;
}

HttpResponse ErrorPage(int status, const char* text) {
  return {status, "text/plain; charset=utf-8", text};
}

class BeastHttpServer final : public HttpServer {
 public:
  BeastHttpServer(const Options& options, Routes routes, net::Listener listener)
      : max_connections_(options.max_connections),
        routes_(std::move(routes)),
        accept_loop_(loop_, std::move(listener), net::AcceptLoop::kUnbounded,
                     [this](FileDescriptor connection) { Take(std::move(connection)); }) {}
  ~BeastHttpServer() override { Stop(); }

  uint16_t port() const override { return accept_loop_.port(); }

  void Stop() override {
    accept_loop_.Stop();
    // Sockets close when the coroutines that own them are destroyed, with the loop.
    loop_.Stop();
  }

 private:
  void Take(FileDescriptor connection) {
    asio::ip::tcp::socket socket(loop_.context());
    error_code error;
    // The protocol only matters for calls that open sockets; this one is open.
    socket.assign(asio::ip::tcp::v6(), connection.Release(), error);
    if (error) return;
    if (connections_ >= max_connections_) return Shed(std::move(socket));
    ++connections_;
    asio::co_spawn(loop_.context(), Serve(beast::tcp_stream(std::move(socket))),
                   [this](std::exception_ptr) { --connections_; });
  }

  // A last word without waiting for anybody: the send buffer of a new socket has room for it.
  static void Shed(asio::ip::tcp::socket socket) {
    static constexpr char kBusy[] =
        "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    error_code ignored;
    socket.non_blocking(true, ignored);
    socket.write_some(asio::buffer(kBusy, sizeof(kBusy) - 1), ignored);
  }

  asio::awaitable<void> Serve(beast::tcp_stream stream) {
    beast::flat_buffer buffer(kMaxHeadBytes + kMaxBodyBytes);
    error_code error;
    for (;;) {
      http::request_parser<http::string_body> parser;
      parser.header_limit(kMaxHeadBytes);
      parser.body_limit(kMaxBodyBytes);
      stream.expires_after(kPatience);
      co_await http::async_read(stream, buffer, parser, asio::redirect_error(asio::use_awaitable, error));
      if (const auto refusal = RefusalOf(error)) {
        co_await Send(stream, MakeResponse(*refusal, 11, false), false, error);
        break;
      }
      if (error) break;  // gone, or silent for too long

      const auto& request = parser.get();
      const bool head = request.method() == http::verb::head;
      Response response = MakeResponse(Answer(request), request.version(), request.keep_alive());
      co_await Send(stream, std::move(response), head, error);
      if (error || !request.keep_alive()) break;
    }
    co_await HangUp(stream);
  }

  // The answer to bytes that are no acceptable request; nothing when the client is gone.
  static std::optional<HttpResponse> RefusalOf(const error_code& error) {
    if (!error) return std::nullopt;
    if (error == http::error::header_limit) return ErrorPage(431, "the head of the request is too large\n");
    if (error == http::error::body_limit) return ErrorPage(413, "the body of the request is too large\n");
    if (error == http::error::buffer_overflow) return ErrorPage(413, "the request is too large\n");
    if (error == http::error::end_of_stream || error == http::error::partial_message) return std::nullopt;
    if (error.category() == make_error_code(http::error::bad_method).category()) {
      return ErrorPage(400, "this is not HTTP\n");
    }
    return std::nullopt;
  }

  HttpResponse Answer(const http::request<http::string_body>& request) const {
    const auto target = request.target();
    auto parsed = HttpTarget::Parse({target.data(), target.size()});
    if (!parsed.ok()) return ErrorPage(400, "the path is malformed\n");
    const auto route = routes_.find(parsed->path);
    if (route == routes_.end()) return ErrorPage(404, "there is nothing here\n");
    if (request.method() != http::verb::get && request.method() != http::verb::head) {
      return ErrorPage(405, "only GET and HEAD are taken here\n");
    }
    const auto method = request.method_string();
    return route->second({std::string(method.data(), method.size()), std::move(parsed->path),
                          std::move(parsed->query), request.body()});
  }

  static asio::awaitable<void> Send(beast::tcp_stream& stream, Response response, bool head_only,
                                    error_code& error) {
    stream.expires_after(kPatience);
    http::response_serializer<http::string_body> serializer(response);
    if (head_only) {
      co_await http::async_write_header(stream, serializer, asio::redirect_error(asio::use_awaitable, error));
    } else {
      co_await http::async_write(stream, serializer, asio::redirect_error(asio::use_awaitable, error));
    }
  }

  // Closing with unread bytes in the socket would reset the connection and might take the answer from the
  // client: so the rest is read and forgotten, for as long and as much as patience has.
  static asio::awaitable<void> HangUp(beast::tcp_stream& stream) {
    error_code error;
    stream.socket().shutdown(asio::ip::tcp::socket::shutdown_send, error);
    stream.expires_after(std::chrono::seconds(1));
    char scrap[4096];
    for (uint64_t read = 0; !error && read < 16 * kMaxBodyBytes;) {
      read += co_await stream.async_read_some(asio::buffer(scrap),
                                              asio::redirect_error(asio::use_awaitable, error));
    }
  }

  const uint32_t max_connections_;
  const Routes routes_;
  uint32_t connections_ = 0;  // on the loop
  net::EventLoop loop_{"http"};
  net::AcceptLoop accept_loop_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(const Options& options, Routes routes) {
  SHOAL_ASSIGN_OR_RETURN(net::Listener listener, net::Listener::Open(options.listen));
  return std::make_unique<BeastHttpServer>(options, std::move(routes), std::move(listener));
}

}  // namespace shoal::service
