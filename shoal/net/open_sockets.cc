#include "shoal/net/open_sockets.h"

#include <sys/socket.h>

namespace shoal::net {
namespace {

// 0 when `socket` is no open socket.
uint64_t CookieOf(int socket) {
  uint64_t cookie = 0;
  socklen_t size = sizeof(cookie);
  return getsockopt(socket, SOL_SOCKET, SO_COOKIE, &cookie, &size) == 0 ? cookie : 0;
}

}  // namespace

bool OpenSockets::HasRoom() {
  if (sockets_.size() < max_) return true;
  std::erase_if(sockets_, [](const auto& known) { return CookieOf(known.first) != known.second; });
  return sockets_.size() < max_;
}

void OpenSockets::Add(int socket) {
  sockets_.emplace_back(socket, CookieOf(socket));
}

}  // namespace shoal::net
