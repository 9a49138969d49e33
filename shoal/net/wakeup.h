#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace shoal::net {

// An event for one waiting coroutine, set by another part of the same loop. A Set before Wait is not lost;
// several Sets count as one.
class Wakeup {
 public:
  explicit Wakeup(boost::asio::io_context& context) : timer_(context) {}

  void Set() {
    if (!std::exchange(set_, true)) timer_.cancel();
  }

  boost::asio::awaitable<void> Wait() {
    while (!set_) {
      boost::system::error_code ignored;
      timer_.expires_at(boost::asio::steady_timer::time_point::max());
      co_await timer_.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ignored));
    }
    set_ = false;
  }

  boost::asio::awaitable<void> WaitFor(boost::asio::steady_timer::duration time) {
    if (!set_) {
      boost::system::error_code ignored;
      timer_.expires_after(time);
      co_await timer_.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ignored));
    }
    set_ = false;
  }

 private:
  boost::asio::steady_timer timer_;
  bool set_ = false;
};

}  // namespace shoal::net
