#include "shoal/net/accept_loop.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "shoal/base/endpoint.h"
#include "shoal/net/sockaddr.h"
#include "shoal/net/tcp_counts.h"

namespace shoal::net {
namespace {

using boost::system::error_code;
using Steady = std::chrono::steady_clock;

// How long accepting pauses after an error that an immediate attempt would repeat, and while the bound is
// reached. Keeps a flood from costing a count of all connections per attempt.
constexpr std::chrono::milliseconds kRest{50};
// Bounded, so that other work of the loop runs during a flood.
constexpr int kMaxAcceptsInARow = 256;
constexpr size_t kMaxRefusedAtOnce = 256;

FileDescriptor OpenSpare() {
  return FileDescriptor(open("/dev/null", O_RDONLY | O_CLOEXEC));
}

// The bytes that a TCP connection has carried in both directions, without those that the peer has not
// acknowledged.
uint64_t MovedBytes(int socket) {
  const TcpCounts counts = CountsOf(socket);
  return counts.received_bytes + counts.acknowledged_bytes;
}

}  // namespace

// Lives on the loop; held by the AcceptLoop and by what waits on the loop.
class AcceptLoop::Acceptor : public std::enable_shared_from_this<AcceptLoop::Acceptor> {
 public:
  Acceptor(EventLoop& loop, FileDescriptor listener, const Bounds& bounds, Take take)
      : listener_(loop.context(), listener.Release()),
        rest_(loop.context()),
        take_(std::move(take)),
        bounds_(bounds),
        spare_(OpenSpare()),
        open_(bounds.max_connections, bounds.safe_for),
        passed_on_(bounds.max_passed_on, bounds.safe_for) {}

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
    for (const auto& [socket, silent] : std::exchange(silent_, {})) silent->Close();
    take_ = nullptr;
  }
  uint64_t shed() const { return shed_.load(std::memory_order_relaxed); }

 private:
  // Sockets that were added and are still open, without a report from their owner: the kernel
  // gives each socket a cookie that is never used again, so a descriptor that was closed, or closed and
  // reused, is recognised.
  class OpenSockets {
   public:
    OpenSockets(size_t max, Steady::duration safe_for) : max_(max), safe_for_(safe_for) {}

    // Whether there is room for one more. Counts again only when the list is full, O(max) system calls.
    bool HasRoom() {
      if (sockets_.size() < max_) return true;
      EraseClosed();
      return sockets_.size() < max_;
    }
    // As HasRoom, as if the sockets that LeastUseful has named were closed: that is only a matter of their
    // owner's next turn.
    bool HasRoomSoon() {
      return HasRoom() ||
             static_cast<size_t>(std::count_if(sockets_.begin(), sockets_.end(),
                                               [](const Socket& known) { return !known.ending; })) < max_;
    }
    // Whether an eighth of all places is taken. Counts again after as many changes as there are sockets, so
    // the answer may lag behind.
    bool Crowded() {
      if (sockets_.size() >= recount_at_) {
        EraseClosed();
        recount_at_ = std::max(max_ / kCrowdPart, 2 * sockets_.size());
      }
      return sockets_.size() >= max_ / kCrowdPart;
    }
    // Called before the socket is handed over.
    void Add(int socket) {
      if (max_ == AcceptLoop::kUnbounded) return;
      sockets_.push_back(
          {socket, SocketCookie(socket), RemoteOf(socket).ip.SourcePrefix(), Steady::now(), false});
    }
    // Returns: the descriptors of the sockets that should make room, for a socket of `newcomer` if that is
    // known. Requires: HasRoom() has just returned false.
    std::vector<int> LeastUseful(const std::optional<IpAddress>& newcomer) {
      absl::flat_hash_map<IpAddress, size_t> counts;
      for (const Socket& known : sockets_) {
        if (!known.ending) ++counts[known.source];
      }
      if (counts.empty()) return {};
      const auto most = std::max_element(counts.begin(), counts.end(), [](const auto& a, const auto& b) {
        return std::pair(a.second, a.first) < std::pair(b.second, b.first);
      });
      if (most->second <= max_ / kFairPart) return {};
      if (newcomer.has_value()) {
        const auto own = counts.find(*newcomer);
        if (own != counts.end() && own->second >= most->second) return {};
      }

      const Steady::time_point now = Steady::now();
      std::vector<std::pair<double, Socket*>> by_rate;
      Socket* oldest = nullptr;
      for (Socket& known : sockets_) {
        if (known.source != most->first || known.ending) continue;
        if (oldest == nullptr || known.accepted < oldest->accepted) oldest = &known;
        const Steady::duration age = now - known.accepted;
        if (age < safe_for_) continue;
        by_rate.emplace_back(static_cast<double>(MovedBytes(known.descriptor)) /
                                 (std::chrono::duration<double>(age).count() + 1),
                             &known);
      }
      // Without a look at the newcomer, each one of a flood would end one that has just come.
      if (by_rate.empty() && newcomer.has_value()) by_rate.emplace_back(0, oldest);
      const size_t count = std::min(by_rate.size(), max_ / kRoomPart + 1);
      std::nth_element(by_rate.begin(), by_rate.begin() + static_cast<std::ptrdiff_t>(count), by_rate.end());
      std::vector<int> least;
      for (const auto& [rate, socket] : std::span(by_rate).first(count)) {
        if (SocketCookie(socket->descriptor) != socket->cookie) continue;
        socket->ending = true;
        least.push_back(socket->descriptor);
      }
      return least;
    }

   private:
    struct Socket {
      int descriptor;
      uint64_t cookie;
      IpAddress source;  // see IpAddress::SourcePrefix
      Steady::time_point accepted;
      bool ending;  // LeastUseful has named it
    };
    // An address above this part of all places gives way, and this part of all places is freed at a time: a
    // look at all sockets is worth that many.
    static constexpr size_t kFairPart = 16;
    static constexpr size_t kRoomPart = 64;
    static constexpr size_t kCrowdPart = 8;

    void EraseClosed() {
      std::erase_if(sockets_,
                    [](const Socket& known) { return SocketCookie(known.descriptor) != known.cookie; });
    }

    const size_t max_;
    const Steady::duration safe_for_;
    std::vector<Socket> sockets_;
    size_t recount_at_ = 0;
  };

  // A connection whose peer has not said enough yet.
  struct Silent {
    Silent(const boost::asio::any_io_executor& executor, FileDescriptor connection)
        : socket(executor, connection.Release()), patience(executor) {}
    void Close() {
      error_code ignored;
      socket.close(ignored);
      patience.cancel();
    }

    boost::asio::posix::stream_descriptor socket;
    boost::asio::steady_timer patience;
  };

  // The kernel reports the socket as readable once enough has come, or its stream has ended.
  void AwaitFirstBytes(FileDescriptor connection) {
    const int enough = static_cast<int>(bounds_.first_bytes);
    setsockopt(connection.get(), SOL_SOCKET, SO_RCVLOWAT, &enough, sizeof(enough));
    const int socket = connection.get();
    auto silent = std::make_shared<Silent>(listener_.get_executor(), std::move(connection));
    silent_.emplace(socket, silent);
    silent->socket.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                              [self = shared_from_this(), silent](const error_code& error) {
                                if (!error && !self->closed_) self->EndWaiting(silent);
                              });
    silent->patience.expires_after(bounds_.first_bytes_within);
    silent->patience.async_wait([self = shared_from_this(), silent](const error_code& error) {
      if (!error && !self->closed_) self->EndWaiting(silent);
    });
  }
  void EndWaiting(std::shared_ptr<Silent> silent) {
    if (!silent->socket.is_open()) return;  // by its other handler
    silent_.erase(silent->socket.native_handle());
    silent->patience.cancel();
    FileDescriptor connection(silent->socket.release());
    int arrived = 0;
    if (ioctl(connection.get(), FIONREAD, &arrived) != 0 || std::cmp_less(arrived, bounds_.first_bytes))
      return;
    const int any = 1;
    setsockopt(connection.get(), SOL_SOCKET, SO_RCVLOWAT, &any, sizeof(any));
    PassOn(std::move(connection));
  }

  void PassOn(FileDescriptor connection) {
    if (!passed_on_.HasRoomSoon()) {
      const std::vector<int> least = passed_on_.LeastUseful(RemoteOf(connection.get()).ip.SourcePrefix());
      if (least.empty()) {
        shed_.fetch_add(1, std::memory_order_relaxed);
        if (bounds_.turn_away != nullptr) bounds_.turn_away(std::move(connection));
        return;
      }
      for (const int socket : least) ShutDown(socket);
    }
    passed_on_.Add(connection.get());
    take_(std::move(connection));
  }

  // The owner of the socket may have closed it a moment ago, and its descriptor name another socket now. That
  // one is then lost as if its network had failed, which any connection must bear.
  void ShutDown(int socket) {
    shed_.fetch_add(1, std::memory_order_relaxed);
    shutdown(socket, SHUT_RDWR);
  }

  void AcceptAll() {
    for (int i = 0; i < kMaxAcceptsInARow; ++i) {
      if (!open_.HasRoom()) {
        if (!SomeoneWaits()) break;
        if (!MakeRoom()) return Rest();
      }
      FileDescriptor connection(
          accept4(listener_.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (connection.valid()) {
        const int one = 1;
        setsockopt(connection.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        const bool crowded = open_.Crowded();
        open_.Add(connection.get());
        if (crowded && bounds_.first_bytes > 0) {
          AwaitFirstBytes(std::move(connection));
        } else {
          PassOn(std::move(connection));
        }
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

  bool SomeoneWaits() {
    pollfd listener{listener_.native_handle(), POLLIN, 0};
    return poll(&listener, 1, 0) > 0;
  }

  // Returns whether there is room now. Connections that were passed on leave once their owner has closed
  // them: then what waits now gets their places.
  bool MakeRoom() {
    const std::vector<int> least = open_.LeastUseful(/*newcomer=*/std::nullopt);
    if (least.empty()) RefuseWaiting();
    for (const int socket : least) {
      ShutDown(socket);
      if (const auto silent = silent_.find(socket); silent != silent_.end()) EndWaiting(silent->second);
    }
    return open_.HasRoom();
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
  const Bounds bounds_;
  absl::flat_hash_map<int, std::shared_ptr<Silent>> silent_;  // by descriptor
  FileDescriptor spare_;  // given up for a moment to shed a connection when there are no descriptors left
  OpenSockets open_;
  OpenSockets passed_on_;
  bool closed_ = false;
  std::atomic<uint64_t> shed_ = 0;
};

AcceptLoop::AcceptLoop(EventLoop& loop, Listener listener, const Bounds& bounds, Take take)
    : port_(listener.port),
      loop_(loop),
      acceptor_(std::make_shared<Acceptor>(loop, std::move(listener.socket), bounds, std::move(take))) {
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
