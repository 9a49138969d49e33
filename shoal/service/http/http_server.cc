#include "shoal/service/http/http_server.h"

#include <poll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "boost/asio/awaitable.hpp"
#include "boost/asio/co_spawn.hpp"
#include "boost/asio/detached.hpp"
#include "boost/asio/io_context.hpp"
#include "boost/asio/ip/tcp.hpp"
#include "boost/asio/redirect_error.hpp"
#include "boost/asio/ssl/error.hpp"
#include "boost/asio/steady_timer.hpp"
#include "boost/asio/use_awaitable.hpp"
#include "boost/asio/write.hpp"
#include "boost/beast/core/flat_buffer.hpp"
#include "boost/beast/core/tcp_stream.hpp"
#include "boost/beast/http.hpp"
#include "shoal/base/file_descriptor.h"
#include "shoal/base/mutex.h"
#include "shoal/base/status_macros.h"
#include "shoal/net/accept_loop.h"
#include "shoal/net/event_loop.h"
#include "shoal/net/listener.h"
#include "shoal/net/sockaddr.h"
#include "shoal/service/http/http_connection.h"

namespace shoal::service {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;

constexpr uint32_t kMaxHeadBytes = 8 * 1024;
constexpr uint32_t kReadBytes = 64 * 1024;
constexpr uint32_t kMaxLargeBodies = 2;
constexpr std::chrono::seconds kTimeout{10};
// No request is shorter than its line: "GET / HTTP/1.1". Connections that have sent less are no connections
// of the server yet; so many of them may wait.
constexpr uint32_t kFirstBytes = 14;
constexpr uint32_t kMaxSilent = 1024;
constexpr std::chrono::seconds kStreamTimeout{60};
// A large body may take longer: as long as a slow link needs for it.
constexpr std::chrono::seconds kLargeBodyTimeout{300};
// Written at a time, so that a slow client is judged by its progress.
constexpr size_t kWriteBytes = 256 * 1024;
// Of a file, read and encrypted at a time.
constexpr size_t kEncryptBytes = 64 * 1024;

using Response = http::response<http::string_body>;
using Header = http::response<http::empty_body>;
using Parser = http::request_parser<http::string_body>;

template <typename Message>
void FillHead(const HttpResponse& from, bool keep_alive, Message& to) {
  if (!from.content_type.empty()) to.set(http::field::content_type, from.content_type);
  to.set("X-Content-Type-Options", "nosniff");
  for (const auto& [name, value] : from.headers) to.set(name, value);
  to.keep_alive(keep_alive);
}

// Converts the result of a route, or an error, to Beast's type.
Response MakeResponse(const HttpResponse& from, unsigned http_version, bool keep_alive) {
  Response response(static_cast<http::status>(from.status), http_version);
  FillHead(from, keep_alive, response);
  response.body() = from.body;
  response.prepare_payload();
  return response;
}

HttpResponse ErrorPage(int status, const char* text) {
  return {status, "text/plain; charset=utf-8", text};
}

// Posts to the server's loop on behalf of those that may outlive it. Thread-safe.
class LoopReference {
 public:
  explicit LoopReference(net::EventLoop* loop) : loop_(loop) {}
  void Post(std::function<void()> work) {
    MutexLock lock(&mutex_);
    if (loop_ != nullptr) loop_->Post(std::move(work));
  }
  void Clear() {
    MutexLock lock(&mutex_);
    loop_ = nullptr;
  }

 private:
  Mutex mutex_;
  net::EventLoop* loop_ ABSL_GUARDED_BY(mutex_);
};

// What a stream waits for, on the loop.
struct StreamWait {
  explicit StreamWait(asio::io_context& context) : timer(context) {}
  asio::steady_timer timer;
  bool woken = false;
  bool gone = false;  // the client hung up
};

// Ends the waits of a socket on which nothing has moved for a while.
class IdleGuard {
 public:
  explicit IdleGuard(asio::ip::tcp::socket& socket)
      : timer_(socket.get_executor()), state_(std::make_shared<State>(State{&socket})) {}
  ~IdleGuard() { state_->socket = nullptr; }  // its timer may have expired, and its handler be due
  IdleGuard(const IdleGuard&) = delete;
  IdleGuard& operator=(const IdleGuard&) = delete;

  void Restart() {
    timer_.expires_after(kStreamTimeout);
    timer_.async_wait([state = state_](error_code error) {
      if (error || state->socket == nullptr) return;
      state->expired = true;
      error_code ignored;
      state->socket->cancel(ignored);
    });
  }
  bool expired() const { return state_->expired; }

 private:
  struct State {
    asio::ip::tcp::socket* socket;  // null: the guard is gone
    bool expired = false;
  };

  asio::steady_timer timer_;
  const std::shared_ptr<State> state_;
};

// Answers without waiting: the send buffer of a new socket has room for it.
void Shed(FileDescriptor connection) {
  static constexpr char kBusy[] =
      "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
  // What is left unread at the close makes the system send a reset, which can overtake the answer.
  std::array<char, kMaxHeadBytes> unread;
  (void)recv(connection.get(), unread.data(), unread.size(), MSG_DONTWAIT);
  (void)send(connection.get(), kBusy, sizeof(kBusy) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

net::AcceptLoop::Bounds BoundsOf(const HttpServer::Options& options) {
  net::AcceptLoop::Bounds bounds;
  bounds.max_connections = options.max_connections + kMaxSilent;
  bounds.max_passed_on = options.max_connections;
  if (options.tls == nullptr) bounds.turn_away = Shed;
  bounds.first_bytes = kFirstBytes;
  return bounds;
}

class BeastHttpServer final : public HttpServer {
 public:
  BeastHttpServer(Options options, Routes routes, net::Listener listener)
      : options_(std::move(options)),
        routes_(std::move(routes)),
        loop_reference_(std::make_shared<LoopReference>(&loop_)),
        accept_loop_(loop_, std::move(listener), BoundsOf(options_),
                     [this](FileDescriptor connection) { Take(std::move(connection)); }) {}
  ~BeastHttpServer() override { Stop(); }

  uint16_t port() const override { return accept_loop_.port(); }

  void Stop() override {
    accept_loop_.Stop();
    loop_reference_->Clear();
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
    const auto credentials = options_.tls == nullptr ? nullptr : options_.tls->Current();
    const bool demands = options_.tls != nullptr && options_.tls->files().browsers_too;
    asio::co_spawn(loop_.context(), Serve(HttpConnection(std::move(socket), credentials.get(), demands)),
                   asio::detached);
  }

  asio::awaitable<void> Serve(HttpConnection stream) {
    beast::flat_buffer buffer(kMaxHeadBytes + kReadBytes);
    const Endpoint remote = net::RemoteOf(stream.socket().native_handle());
    const Endpoint local = net::LocalOf(stream.socket().native_handle());
    stream.expires_after(kTimeout);
    error_code error = co_await stream.ShakeHands();
    if (error) {
      if (IsPlainHttp(error)) {
        static constexpr char kSpeakTls[] =
            "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 38\r\n"
            "Connection: close\r\n\r\nthis port speaks TLS: begin with https";
        co_await asio::async_write(stream.tcp(), asio::buffer(kSpeakTls, sizeof(kSpeakTls) - 1),
                                   asio::redirect_error(asio::use_awaitable, error));
      }
      co_await Drain(stream.tcp());
      co_return;
    }
    for (;;) {
      Parser parser;
      parser.header_limit(kMaxHeadBytes);
      parser.body_limit(boost::none);  // known with the route; no body is read before
      stream.expires_after(kTimeout);
      co_await http::async_read_header(stream, buffer, parser,
                                       asio::redirect_error(asio::use_awaitable, error));
      if (const auto refusal = RefusalOf(error)) {
        co_await Send(stream, *refusal, 11, false, false, error);
        break;
      }
      if (error) break;  // gone, or silent for too long

      HttpRequest request = HeadOf(parser.get(), remote, local);
      const Route* route = nullptr;
      std::optional<HttpResponse> refusal = Judge(parser.get(), &request, &route);
      bool large = false;
      if (!refusal.has_value()) {
        const uint64_t length = parser.content_length().value_or(0);
        large = route->max_body_bytes > kDefaultMaxBodyBytes &&
                (parser.chunked() || length > kDefaultMaxBodyBytes);
        if (length > route->max_body_bytes) {
          refusal = ErrorPage(413, "the body of the request is too large\n");
        } else if (large && large_bodies_ >= kMaxLargeBodies) {
          refusal = ErrorPage(503, "busy with other large requests; try again soon\n");
        }
      }
      if (refusal.has_value()) {
        // Without an unread body the connection can go on.
        const bool goes_on = parser.is_done() && parser.get().keep_alive();
        co_await Send(stream, *refusal, parser.get().version(), parser.get().method() == http::verb::head,
                      goes_on, error);
        if (error || !goes_on) break;
        continue;
      }

      if (large) ++large_bodies_;
      parser.body_limit(route->max_body_bytes);
      if (!parser.is_done()) {
        stream.expires_after(large ? kLargeBodyTimeout : kTimeout);
        if (absl::EqualsIgnoreCase(request.Header("expect"), "100-continue")) {
          static constexpr char kContinue[] = "HTTP/1.1 100 Continue\r\n\r\n";
          co_await asio::async_write(stream, asio::buffer(kContinue, sizeof(kContinue) - 1),
                                     asio::redirect_error(asio::use_awaitable, error));
        }
        if (!error) {
          co_await http::async_read(stream, buffer, parser, asio::redirect_error(asio::use_awaitable, error));
        }
      }
      if (large) --large_bodies_;
      if (const auto too_much = RefusalOf(error)) {
        co_await Send(stream, *too_much, 11, false, false, error);
        break;
      }
      if (error) break;

      const bool head = parser.get().method() == http::verb::head;
      const unsigned version = parser.get().version();
      bool keep_alive = parser.get().keep_alive();
      request.body = std::move(parser.get().body());
      const HttpResponse response = route->handler(request);
      if (response.open_stream == nullptr) {
        co_await Send(stream, response, version, head, keep_alive, error);
      } else {
        co_await SendStream(stream, response, version, head, keep_alive, error);
      }
      if (error || !keep_alive) break;
    }
    co_await HangUp(stream);
  }

  static bool IsPlainHttp(const error_code& error) {
    return error.category() == asio::error::get_ssl_category() &&
           ERR_GET_REASON(static_cast<unsigned long>(error.value())) == SSL_R_HTTP_REQUEST;
  }

  // Returns the response to bytes that are no acceptable request, or nothing when the client is gone.
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

  template <typename Message>
  static HttpRequest HeadOf(const Message& message, const Endpoint& remote, const Endpoint& local) {
    HttpRequest request;
    const auto method = message.method_string();
    request.method = std::string(method.data(), method.size());
    for (const auto& field : message) {
      const auto name = field.name_string();
      const auto value = field.value();
      std::string& known = request.headers[absl::AsciiStrToLower({name.data(), name.size()})];
      absl::StrAppend(&known, known.empty() ? "" : ", ", absl::string_view(value.data(), value.size()));
    }
    request.remote = remote;
    request.local = local;
    return request;
  }

  // Completes the head of a request and finds its route. Returns a response if it is refused.
  template <typename Message>
  std::optional<HttpResponse> Judge(const Message& message, HttpRequest* request, const Route** route) const {
    const auto target = message.target();
    auto parsed = HttpTarget::Parse({target.data(), target.size()});
    if (!parsed.ok()) return ErrorPage(400, "the path is malformed\n");
    request->path = std::move(parsed->path);
    request->query = std::move(parsed->query);
    if (options_.admit != nullptr) {
      if (auto refusal = options_.admit(*request)) return refusal;
    }
    *route = Find(request->path);
    if (*route == nullptr) return ErrorPage(404, "there is nothing here\n");
    std::vector<std::string> methods = (*route)->methods;
    if (methods.front() == "GET") methods.insert(methods.begin() + 1, "HEAD");
    if (std::find(methods.begin(), methods.end(), request->method) == methods.end()) {
      const std::string allowed = absl::StrJoin(methods, ", ");
      HttpResponse refusal = ErrorPage(405, "");
      refusal.body = absl::StrCat("only ", absl::StrJoin(methods, " and "), " are accepted\n");
      refusal.headers.emplace_back("Allow", allowed);
      return refusal;
    }
    return std::nullopt;
  }

  const Route* Find(const std::string& path) const {
    if (const auto exact = routes_.find(path); exact != routes_.end()) return &exact->second;
    const Route* longest = nullptr;
    for (const auto& [prefix, route] : routes_) {  // in order: a longer one follows a shorter one
      if (route.prefix && absl::StartsWith(path, prefix)) longest = &route;
    }
    return longest;
  }

  static asio::awaitable<void> Send(HttpConnection& stream, const HttpResponse& from, unsigned version,
                                    bool head_only, bool keep_alive, error_code& error) {
    Response response = MakeResponse(from, version, keep_alive);
    stream.expires_after(kTimeout);
    error = {};
    http::response_serializer<http::string_body> serializer(response);
    if (head_only) {
      co_await http::async_write_header(stream, serializer, asio::redirect_error(asio::use_awaitable, error));
    } else {
      co_await http::async_write(stream, serializer, asio::redirect_error(asio::use_awaitable, error));
    }
  }

  asio::awaitable<void> SendStream(HttpConnection& stream, const HttpResponse& from, unsigned version,
                                   bool head_only, bool& keep_alive, error_code& error) {
    const bool chunked = !from.length_bytes.has_value() && version >= 11;
    if (!from.length_bytes.has_value() && !chunked) keep_alive = false;  // its end is the connection's
    Header header(static_cast<http::status>(from.status), version);
    FillHead(from, keep_alive, header);
    if (from.length_bytes.has_value()) header.content_length(*from.length_bytes);
    if (chunked) header.chunked(true);
    http::response_serializer<http::empty_body> serializer(header);
    stream.expires_after(kTimeout);
    co_await http::async_write_header(stream, serializer, asio::redirect_error(asio::use_awaitable, error));
    if (error || head_only) co_return;
    stream.expires_never();

    const auto wait = std::make_shared<StreamWait>(loop_.context());
    const std::unique_ptr<HttpStream> source =
        from.open_stream([loop = loop_reference_, weak = std::weak_ptr(wait)] {
          loop->Post([weak] {
            const auto waiting = weak.lock();
            if (waiting == nullptr) return;
            waiting->woken = true;
            waiting->timer.cancel();
          });
        });
    WatchForHangUp(stream.socket(), stream.encrypted(), wait);
    uint64_t left = from.length_bytes.value_or(UINT64_MAX);
    while (!error) {
      HttpStream::Next next = source->Take();
      if (std::holds_alternative<HttpStream::End>(next)) break;
      if (std::holds_alternative<HttpStream::Nothing>(next)) {
        const bool woken = co_await AwaitWake(
            *wait, from.sign_of_life.empty() ? absl::InfiniteDuration() : options_.longest_silence);
        if (wait->gone) error = asio::error::eof;
        if (woken) continue;
        next = from.sign_of_life;
      }
      const auto* region = std::get_if<FileRegion>(&next);
      const uint64_t size = region != nullptr ? region->length_bytes : std::get<std::string>(next).size();
      if (size == 0) continue;
      if (size > left) {
        error = asio::error::message_size;  // it would be more than was said
        break;
      }
      left -= size;
      if (chunked) co_await Write(stream, absl::StrCat(absl::Hex(size), "\r\n"), error);
      if (!error && region != nullptr) co_await SendRegion(stream, *region, error);
      if (!error && region == nullptr) co_await Write(stream, std::get<std::string>(next), error);
      if (!error && chunked) co_await Write(stream, "\r\n", error);
    }
    if (!error && chunked) co_await Write(stream, "0\r\n\r\n", error);
    if (!error && from.length_bytes.has_value() && left > 0) error = asio::error::eof;
    // The wait for the hang-up would take the next request's arrival for one.
    error_code ignored;
    stream.socket().cancel(ignored);
  }

  // Sets `gone` when the client closes its end. A request that it sends meanwhile ends the watch: the client
  // is there then.
  static void WatchForHangUp(asio::ip::tcp::socket& socket, bool encrypted,
                             const std::shared_ptr<StreamWait>& wait) {
    socket.async_wait(asio::ip::tcp::socket::wait_read,
                      [&socket, encrypted, weak = std::weak_ptr(wait)](error_code error) {
                        const auto waiting = weak.lock();
                        if (waiting == nullptr || error) return;
                        char byte;
                        const ssize_t got = recv(socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
                        if (got < 0 && errno == EAGAIN) return;
                        if (got > 0) {
                          // TLS says goodbye in a record, which looks like a request from here; the end of
                          // the stream follows it.
                          pollfd polled{socket.native_handle(), POLLRDHUP, 0};
                          if (!encrypted) return;
                          if (poll(&polled, 1, 0) == 0) return WatchForHangUp(socket, encrypted, waiting);
                        }
                        waiting->gone = true;
                        waiting->timer.cancel();
                      });
  }

  // Returns false when nothing has happened for so long.
  static asio::awaitable<bool> AwaitWake(StreamWait& wait, absl::Duration longest) {
    if (longest == absl::InfiniteDuration()) {
      wait.timer.expires_at(asio::steady_timer::time_point::max());
    } else {
      wait.timer.expires_after(absl::ToChronoNanoseconds(longest));
    }
    error_code ignored;
    if (!wait.woken && !wait.gone) {
      co_await wait.timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
    co_return std::exchange(wait.woken, false) || wait.gone;
  }

  static asio::awaitable<void> Write(HttpConnection& stream, const std::string& bytes, error_code& error) {
    for (size_t done = 0; done < bytes.size() && !error;) {
      stream.expires_after(kStreamTimeout);
      const size_t size = std::min(kWriteBytes, bytes.size() - done);
      done += co_await asio::async_write(stream, asio::buffer(bytes.data() + done, size),
                                         asio::redirect_error(asio::use_awaitable, error));
    }
    stream.expires_never();
  }

  static asio::awaitable<void> SendRegion(HttpConnection& stream, const FileRegion& region,
                                          error_code& error) {
    if (stream.encrypted()) co_return co_await EncryptRegion(stream, region, error);
    auto offset = static_cast<off_t>(region.offset_bytes);
    uint64_t left = region.length_bytes;
    IdleGuard guard(stream.socket());
    while (left > 0) {
      const ssize_t sent =
          sendfile(stream.socket().native_handle(), region.file->get(), &offset, static_cast<size_t>(left));
      if (sent > 0) {
        left -= static_cast<uint64_t>(sent);
        continue;
      }
      if (sent == 0) {
        error = asio::error::eof;  // the file became shorter
        break;
      }
      if (errno == EINTR) continue;
      if (errno != EAGAIN) {
        error = error_code(errno, boost::system::system_category());
        break;
      }
      guard.Restart();
      co_await stream.socket().async_wait(asio::ip::tcp::socket::wait_write,
                                          asio::redirect_error(asio::use_awaitable, error));
      if (guard.expired()) error = beast::error::timeout;
      if (error) break;
    }
  }

  static asio::awaitable<void> EncryptRegion(HttpConnection& stream, const FileRegion& region,
                                             error_code& error) {
    std::string bytes;
    uint64_t done = 0;
    while (done < region.length_bytes && !error) {
      bytes.resize(std::min<uint64_t>(kEncryptBytes, region.length_bytes - done));
      const ssize_t count = pread(region.file->get(), bytes.data(), bytes.size(),
                                  static_cast<off_t>(region.offset_bytes + done));
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) {
        error = count == 0 ? error_code(asio::error::eof)  // the file became shorter
                           : error_code(errno, boost::system::system_category());
        break;
      }
      bytes.resize(static_cast<size_t>(count));
      done += bytes.size();
      co_await Write(stream, bytes, error);
    }
  }

  static asio::awaitable<void> HangUp(HttpConnection& stream) {
    stream.expires_after(std::chrono::seconds(1));
    co_await stream.EndTls();
    co_await Drain(stream.tcp());
  }

  // Closing with unread bytes in the socket would reset the connection, and the client might lose the
  // response. So the rest is read and dropped, within bounds.
  static asio::awaitable<void> Drain(beast::tcp_stream& stream) {
    error_code error;
    stream.socket().shutdown(asio::ip::tcp::socket::shutdown_send, error);
    stream.expires_after(std::chrono::seconds(1));
    char scrap[4096];
    for (uint64_t read = 0; !error && read < 16 * kDefaultMaxBodyBytes;) {
      read += co_await stream.async_read_some(asio::buffer(scrap),
                                              asio::redirect_error(asio::use_awaitable, error));
    }
  }

  const Options options_;
  const Routes routes_;
  uint32_t large_bodies_ = 0;  // on the loop
  net::EventLoop loop_{"http"};
  const std::shared_ptr<LoopReference> loop_reference_;
  net::AcceptLoop accept_loop_;
};

// Decodes %XX and, in a query, '+'. Errors: INVALID_ARGUMENT.
absl::StatusOr<std::string> Decode(absl::string_view text, bool plus_is_space) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      if (i + 2 >= text.size() || !absl::ascii_isxdigit(text[i + 1]) || !absl::ascii_isxdigit(text[i + 2])) {
        return absl::InvalidArgumentError("a '%' without two hex digits");
      }
      c = absl::HexStringToBytes(text.substr(i + 1, 2))[0];
      i += 2;
    } else if (c == '+' && plus_is_space) {
      c = ' ';
    }
    if (c == '\0') return absl::InvalidArgumentError("a NUL");
    decoded.push_back(c);
  }
  return decoded;
}

}  // namespace

const std::string& HttpRequest::Header(const std::string& name) const {
  static const std::string none;
  const auto found = headers.find(name);
  return found == headers.end() ? none : found->second;
}

absl::StatusOr<HttpTarget> HttpTarget::Parse(absl::string_view target) {
  if (target.empty() || target[0] != '/') return absl::InvalidArgumentError("the target is no path");
  HttpTarget parsed;
  const size_t question_mark = target.find('?');
  if (question_mark != absl::string_view::npos) {
    parsed.query = std::string(target.substr(question_mark + 1));
    target = target.substr(0, question_mark);
  }
  SHOAL_ASSIGN_OR_RETURN(parsed.path, Decode(target, /*plus_is_space=*/false));
  return parsed;
}

absl::StatusOr<std::vector<std::pair<std::string, std::string>>> ParseQuery(absl::string_view query) {
  std::vector<std::pair<std::string, std::string>> fields;
  while (!query.empty()) {
    const size_t end = std::min(query.find('&'), query.size());
    const absl::string_view field = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (field.empty()) continue;
    const size_t equals = std::min(field.find('='), field.size());
    SHOAL_ASSIGN_OR_RETURN(std::string name, Decode(field.substr(0, equals), /*plus_is_space=*/true));
    SHOAL_ASSIGN_OR_RETURN(std::string value,
                           Decode(field.substr(std::min(equals + 1, field.size())), /*plus_is_space=*/true));
    fields.emplace_back(std::move(name), std::move(value));
  }
  return fields;
}

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(const Options& options, Routes routes) {
  SHOAL_ASSIGN_OR_RETURN(net::Listener listener, net::Listener::Open(options.listen));
  return std::make_unique<BeastHttpServer>(options, std::move(routes), std::move(listener));
}

}  // namespace shoal::service
