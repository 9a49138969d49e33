#include "shoal/net/accept_loop.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>
#include <vector>

namespace shoal::net {
namespace {

// After an error that trying again at once would only repeat, and while the limit is reached: how long the
// listener is left alone. Keeps a flood from costing a count of all connections per attempt.
constexpr int kRestMs = 50;
constexpr int kMaxAcceptsInARow = 1024;
constexpr size_t kMaxRefusedAtOnce = 256;

FileDescriptor OpenSpare() {
  return FileDescriptor(open("/dev/null", O_RDONLY | O_CLOEXEC));
}

}  // namespace

AcceptLoop::AcceptLoop(Listener listener, uint32_t max_connections, Take take)
    : port_(listener.port),
      take_(std::move(take)),
      listener_(std::move(listener.socket)),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      spare_(OpenSpare()),
      open_(max_connections),
      thread_([this] { Run(); }) {}

AcceptLoop::~AcceptLoop() {
  Stop();
}

void AcceptLoop::Stop() {
  if (!thread_.joinable()) return;
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake_.get(), &one, sizeof(one));
  thread_.join();
  listener_.Close();
}

void AcceptLoop::Run() {
  for (;;) {
    pollfd waiting[] = {{wake_.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}};
    poll(waiting, 2, -1);
    if (waiting[0].revents != 0) return;
    if (waiting[1].revents != 0) AcceptAll();
  }
}

void AcceptLoop::AcceptAll() {
  // Bounded, so that Stop is noticed in a flood.
  for (int i = 0; i < kMaxAcceptsInARow; ++i) {
    if (!open_.HasRoom()) {
      RefuseWaiting();
      return Rest();
    }
    FileDescriptor connection(accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (connection.valid()) {
      const int one = 1;
      setsockopt(connection.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
      open_.Add(connection.get());
      take_(std::move(connection));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return;
    } else if (errno == EMFILE || errno == ENFILE) {
      if (!ShedOne()) return Rest();
    } else if (errno == ENOBUFS || errno == ENOMEM) {
      return Rest();
    }
    // ECONNABORTED, EINTR and the network errors of accept(2) concern one connection: the next may be fine.
  }
}

void AcceptLoop::RefuseWaiting() {
  // Closed together, at the end: whoever comes after one of them saw its end is not among them, and so finds
  // the room that has been made meanwhile.
  std::vector<FileDescriptor> refused;
  while (refused.size() < kMaxRefusedAtOnce) {
    refused.emplace_back(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (refused.back().valid()) continue;
    const bool no_descriptor = errno == EMFILE || errno == ENFILE;
    refused.pop_back();
    if (no_descriptor) ShedOne();
    break;
  }
  shed_.fetch_add(refused.size(), std::memory_order_relaxed);
}

bool AcceptLoop::ShedOne() {
  spare_.Close();
  const int connection = accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
  if (connection >= 0) {
    shed_.fetch_add(1, std::memory_order_relaxed);
    close(connection);
  }
  spare_ = OpenSpare();
  return connection >= 0;
}

void AcceptLoop::Rest() {
  pollfd stopping{wake_.get(), POLLIN, 0};
  poll(&stopping, 1, kRestMs);
}

}  // namespace shoal::net
