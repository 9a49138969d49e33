#pragma once

#include <openssl/ssl.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <utility>

#include "boost/asio/awaitable.hpp"
#include "boost/asio/ip/tcp.hpp"
#include "boost/asio/redirect_error.hpp"
#include "boost/asio/ssl/stream.hpp"
#include "boost/asio/use_awaitable.hpp"
#include "boost/beast/core/tcp_stream.hpp"
#include "shoal/net/tls/tls_context.h"

namespace shoal::service {

// A connection of an HTTP server with or without TLS: a stream as Asio and Beast want it, whose operations
// end with beast::error::timeout when they take longer than was set.
//
// Thread safety: none; used on its loop's thread.
class HttpConnection {
 public:
  using executor_type = boost::beast::tcp_stream::executor_type;
  using error_code = boost::system::error_code;
  // `credentials`: null for none. `demands_certificate`: refuse clients without one, if there are
  // authorities.
  HttpConnection(boost::asio::ip::tcp::socket socket, const net::TlsCredentials* credentials,
                 bool demands_certificate)
      : tcp_(std::make_unique<boost::beast::tcp_stream>(std::move(socket))) {
    if (credentials == nullptr) return;
    SSL* const ssl = SSL_new(credentials->context.get());
    if (!demands_certificate) SSL_set_verify(ssl, SSL_VERIFY_NONE, nullptr);
    tls_ = std::make_unique<Tls>(*tcp_, ssl);
  }

  executor_type get_executor() { return tcp_->get_executor(); }
  boost::asio::ip::tcp::socket& socket() { return tcp_->socket(); }
  bool encrypted() const { return tls_ != nullptr; }
  template <typename Duration>
  void expires_after(Duration time) {
    tcp_->expires_after(time);
  }
  void expires_never() { tcp_->expires_never(); }

  // Does nothing without TLS. To be called once, before anything is read or written.
  boost::asio::awaitable<error_code> ShakeHands() {
    error_code error;
    if (tls_ != nullptr) {
      co_await tls_->async_handshake(boost::asio::ssl::stream_base::server,
                                     boost::asio::redirect_error(boost::asio::use_awaitable, error));
    }
    co_return error;
  }
  // Sends TLS close_notify. Does nothing without TLS.
  boost::asio::awaitable<void> EndTls() {
    error_code ignored;
    if (tls_ != nullptr)
      co_await tls_->async_shutdown(boost::asio::redirect_error(boost::asio::use_awaitable, ignored));
  }
  // The connection below TLS.
  boost::beast::tcp_stream& tcp() { return *tcp_; }

  template <typename Buffers, typename Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    return tls_ != nullptr ? tls_->async_read_some(buffers, std::forward<Token>(token))
                           : tcp_->async_read_some(buffers, std::forward<Token>(token));
  }
  template <typename Buffers, typename Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    return tls_ != nullptr ? tls_->async_write_some(buffers, std::forward<Token>(token))
                           : tcp_->async_write_some(buffers, std::forward<Token>(token));
  }

 private:
  using Tls = boost::asio::ssl::stream<boost::beast::tcp_stream&>;

  // The address of the first has to stay, also when this moves.
  std::unique_ptr<boost::beast::tcp_stream> tcp_;
  std::unique_ptr<Tls> tls_;  // null: without TLS
};

}  // namespace shoal::service
