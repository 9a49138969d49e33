#include "shoal/service/grpc/grpc_connections.h"

#include <sys/socket.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "shoal/net/sockaddr.h"

namespace shoal::service {
namespace {

// 0 when `socket` is no open socket.
uint64_t SocketCookie(int socket) {
  uint64_t cookie = 0;
  socklen_t size = sizeof(cookie);
  return getsockopt(socket, SOL_SOCKET, SO_COOKIE, &cookie, &size) == 0 ? cookie : 0;
}

}  // namespace

void GrpcConnections::Add(int socket) {
  const Connection connection{net::LocalOf(socket), socket, SocketCookie(socket)};
  MutexLock lock(&mutex_);
  if (connections_.size() >= max_open_) {
    absl::erase_if(connections_, [](const auto& known) {
      return SocketCookie(known.second.socket) != known.second.cookie;
    });
  }
  connections_[net::RemoteOf(socket)] = connection;
}

absl::StatusOr<Endpoint> GrpcConnections::LocalOf(const Endpoint& remote) const {
  MutexLock lock(&mutex_);
  const auto found = connections_.find(remote);
  if (found == connections_.end()) {
    return absl::NotFoundError(absl::StrCat("no connection from ", remote.ToString(), " is known"));
  }
  return found->second.local;
}

}  // namespace shoal::service
