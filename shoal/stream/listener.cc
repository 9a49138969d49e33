#include "shoal/stream/listener.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <chrono>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "shoal/base/status_macros.h"

namespace shoal::stream {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr auto kPauseAfterError = std::chrono::milliseconds(20);

}  // namespace

Listener::Listener(net::EventLoopGroup& loops, Take take)
    : loops_(loops),
      loop_(*loops.loops().front()),
      take_(std::move(take)),
      acceptor_(loop_.context()),
      pause_(loop_.context()) {}

void Listener::Start(std::shared_ptr<void> presence) {
  asio::co_spawn(loop_.context(), Accept(shared_from_this(), std::move(presence)), asio::detached);
}

void Listener::Stop() {
  loop_.Post([self = shared_from_this()] {
    error_code ignored;
    (void)self->acceptor_.close(ignored);
    self->pause_.cancel();
  });
}

absl::Status Listener::Listen(const Endpoint& at) {
  SHOAL_ASSIGN_OR_RETURN(spare_, FileDescriptor::Open("/dev/null", O_RDONLY));
  absl::Status status;
  if (at.ip.is_unspecified()) {
    status = ListenAt({tcp::v6(), at.port}, true);
    // A machine without IPv6.
    if (!status.ok()) status = ListenAt({tcp::v4(), at.port}, false);
  } else if (at.ip.is_v4()) {
    const auto& bytes = at.ip.bytes();
    status = ListenAt({asio::ip::address_v4({bytes[12], bytes[13], bytes[14], bytes[15]}), at.port}, false);
  } else {
    status = ListenAt({asio::ip::address_v6(at.ip.bytes()), at.port}, false);
  }
  if (status.ok()) return status;
  return absl::UnavailableError(absl::StrCat("can't listen on ", at.ToString(), ": ", status.message()));
}

absl::Status Listener::ListenAt(const tcp::endpoint& at, bool both_families) {
  error_code error;
  (void)acceptor_.open(at.protocol(), error);
  if (!error) (void)acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error && both_families) (void)acceptor_.set_option(asio::ip::v6_only(false), error);
  if (!error) (void)acceptor_.bind(at, error);
  if (!error) (void)acceptor_.listen(asio::socket_base::max_listen_connections, error);
  if (!error) port_ = acceptor_.local_endpoint(error).port();
  if (!error) return absl::OkStatus();
  error_code ignored;
  (void)acceptor_.close(ignored);
  return absl::UnavailableError(error.message());
}

asio::awaitable<void> Listener::Accept([[maybe_unused]] std::shared_ptr<Listener> self,
                                       [[maybe_unused]] std::shared_ptr<void> presence) {
  while (acceptor_.is_open()) {
    net::EventLoop& loop = loops_.Next();
    error_code error;
    tcp::socket socket =
        co_await acceptor_.async_accept(loop.context(), asio::redirect_error(asio::use_awaitable, error));
    if (!acceptor_.is_open()) break;
    if (!error) {
      take_(loop, std::move(socket));
      continue;
    }
    if (error == asio::error::no_descriptors || error.value() == ENFILE) TurnOneAway();
    if (error == asio::error::connection_aborted) continue;
    // Whatever is short now is still short in a microsecond.
    error_code ignored;
    pause_.expires_after(kPauseAfterError);
    co_await pause_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
}

void Listener::TurnOneAway() {
  spare_.Close();
  FileDescriptor(::accept4(acceptor_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK))
      .Close();
  absl::StatusOr<FileDescriptor> spare = FileDescriptor::Open("/dev/null", O_RDONLY);
  if (spare.ok()) spare_ = *std::move(spare);
}

}  // namespace shoal::stream
