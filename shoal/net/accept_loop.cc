#include "shoal/net/accept_loop.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <chrono>
#include <future>
#include <utility>
#include <vector>

namespace shoal::net {
namespace {

using boost::system::error_code;

// How long accepting pauses after an error that an immediate attempt would repeat, and while the bound is
// reached. Keeps a flood from costing a count of all connections per attempt.
constexpr std::chrono::milliseconds kRest{50};
// Bounded, so that other work of the loop runs during a flood.
constexpr int kMaxAcceptsInARow = 256;
constexpr size_t kMaxRefusedAtOnce = 256;

FileDescriptor OpenSpare() {
  return FileDescriptor(open("/dev/null", O_RDONLY | O_CLOEXEC));
}

// 0 when `socket` is no open socket.
uint64_t CookieOf(int socket) {
  uint64_t cookie = 0;
  socklen_t size = sizeof(cookie);
  return getsockopt(socket, SOL_SOCKET, SO_COOKIE, &cookie, &size) == 0 ? cookie : 0;
}

}  // namespace

// Lives on the loop; held by the AcceptLoop and by what waits on the loop.
class AcceptLoop::Acceptor : public std::enable_shared_from_this<AcceptLoop::Acceptor> {
 public:
  Acceptor(EventLoop& loop, FileDescriptor listener, uint32_t max_connections, Take take)
      : listener_(loop.context(), listener.Release()),
        rest_(loop.context()),
        take_(std::move(take)),
        spare_(OpenSpare()),
        open_(max_connections) {}

  void Arm() {
    listener_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                         [self = shared_from_this()](const error_code& error) {
                           if (!error && !self->closed_) self->AcceptAll();
                         });
  }
  void Close() {
    closed_ = true;
    error_code ignored;
    listener_.close(ignored);
    rest_.cancel();
    take_ = nullptr;
  }
  uint64_t shed() const { return shed_.load(std::memory_order_relaxed); }

 private:
  // Counts how many of the sockets that were passed on are still open, without a report from their new owner:
  // the kernel gives each socket a cookie that is never used again, so a descriptor that was closed, or
  // closed and reused, is recognised.
  class OpenSockets {
   public:
    explicit OpenSockets(size_t max) : max_(max) {}

    // Whether there is room for one more. Counts again only when the list is full, O(max) system calls.
    bool HasRoom() {
      if (sockets_.size() < max_) return true;
      std::erase_if(sockets_, [](const auto& known) { return CookieOf(known.first) != known.second; });
      return sockets_.size() < max_;
    }
    // Called before the socket is handed over.
    void Add(int socket) {
      if (max_ != AcceptLoop::kUnbounded) sockets_.emplace_back(socket, CookieOf(socket));
    }

   private:
    const size_t max_;
    std::vector<std::pair<int, uint64_t>> sockets_;  // descriptor and cookie
  };

  void AcceptAll() {
    for (int i = 0; i < kMaxAcceptsInARow; ++i) {
      if (!open_.HasRoom()) {
        RefuseWaiting();
        return Rest();
      }
      FileDescriptor connection(
          accept4(listener_.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (connection.valid()) {
        const int one = 1;
        setsockopt(connection.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        open_.Add(connection.get());
        take_(std::move(connection));
      } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
        break;
      } else if (errno == EMFILE || errno == ENFILE) {
        if (!ShedOne()) return Rest();
      } else if (errno == ENOBUFS || errno == ENOMEM) {
        return Rest();
      }
      // ECONNABORTED, EINTR and the network errors of accept(2) concern one connection: the next may be fine.
    }
    Arm();
  }

  // Accepts the waiting connections and closes them: there is no room.
  void RefuseWaiting() {
    // Closed together at the end: a client that connects after one of them was closed is not among them, and
    // can use the room that has been made meanwhile.
    std::vector<FileDescriptor> refused;
    while (refused.size() < kMaxRefusedAtOnce) {
      refused.emplace_back(accept4(listener_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC));
      if (refused.back().valid()) continue;
      const bool no_descriptor = errno == EMFILE || errno == ENFILE;
      refused.pop_back();
      if (no_descriptor) ShedOne();
      break;
    }
    shed_.fetch_add(refused.size(), std::memory_order_relaxed);
  }

  // Accepts a connection and closes it; false when there was none.
  bool ShedOne() {
    spare_.Close();
    const int connection = accept4(listener_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC);
    if (connection >= 0) {
      shed_.fetch_add(1, std::memory_order_relaxed);
      close(connection);
    }
    spare_ = OpenSpare();
    return connection >= 0;
  }

  void Rest() {
    rest_.expires_after(kRest);
    rest_.async_wait([self = shared_from_this()](const error_code& error) {
      if (!error && !self->closed_) self->AcceptAll();
    });
  }

  boost::asio::posix::stream_descriptor listener_;
  boost::asio::steady_timer rest_;
  Take take_;
  FileDescriptor spare_;  // given up for a moment to shed a connection when there are no descriptors left
  OpenSockets open_;
  bool closed_ = false;
  std::atomic<uint64_t> shed_ = 0;
};

AcceptLoop::AcceptLoop(EventLoop& loop, Listener listener, uint32_t max_connections, Take take)
    : port_(listener.port),
      loop_(loop),
      acceptor_(
          std::make_shared<Acceptor>(loop, std::move(listener.socket), max_connections, std::move(take))) {
  loop_.Post([acceptor = acceptor_] { acceptor->Arm(); });
}

AcceptLoop::~AcceptLoop() {
  Stop();
}

void AcceptLoop::Stop() {
  if (std::exchange(stopped_, true)) return;
  std::promise<void> closed;
  const bool posted = loop_.Post([&] {
    acceptor_->Close();
    closed.set_value();
  });
  if (posted) {
    closed.get_future().wait();
  } else {
    acceptor_->Close();  // the loop has stopped: nothing runs on it any more
  }
}

uint64_t AcceptLoop::shed() const {
  return acceptor_->shed();
}

}  // namespace shoal::net
