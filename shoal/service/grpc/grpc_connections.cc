#include "shoal/service/grpc/grpc_connections.h"

#include <sys/socket.h>

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "shoal/net/sockaddr.h"
#include "shoal/net/tcp_counts.h"

namespace shoal::service {
namespace {

// As much as one message may have: a server that is behind has not answered it yet.
constexpr uint64_t kLeastUnansweredBytes = 1024 * 1024;

// Resets a connection, so that its reader gets nothing more, not even what has arrived: after a shutdown it
// would go on as long as the peer sends.
void Reset(int socket) {
  sockaddr none{};
  none.sa_family = AF_UNSPEC;
  connect(socket, &none, sizeof(none));
}

}  // namespace

void GrpcConnections::Add(int socket) {
  const Connection connection{net::LocalOf(socket), socket, net::SocketCookie(socket), 0, 0};
  MutexLock lock(&mutex_);
  if (connections_.size() >= max_open_) {
    absl::erase_if(connections_, [](const auto& known) {
      return net::SocketCookie(known.second.socket) != known.second.cookie;
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

size_t GrpcConnections::count() const {
  MutexLock lock(&mutex_);
  return connections_.size();
}

bool GrpcConnections::End(const Endpoint& remote) {
  MutexLock lock(&mutex_);
  const auto found = connections_.find(remote);
  if (found == connections_.end() || net::SocketCookie(found->second.socket) != found->second.cookie)
    return false;
  ended_ = true;
  Reset(found->second.socket);
  return true;
}

std::vector<Endpoint> GrpcConnections::EndUnanswered(uint64_t max_unanswered_bytes) {
  struct Unanswered {
    uint64_t bytes;
    Endpoint remote;
    int socket;
  };
  std::vector<Unanswered> all;
  uint64_t total_bytes = 0;
  std::vector<Endpoint> ended;
  MutexLock lock(&mutex_);
  for (auto& [remote, connection] : connections_) {
    if (net::SocketCookie(connection.socket) != connection.cookie) continue;
    const net::TcpCounts counts = net::CountsOf(connection.socket);
    if (counts.acknowledged_bytes != connection.sent_bytes) {
      connection.sent_bytes = counts.acknowledged_bytes;
      connection.received_bytes = counts.received_bytes;
      continue;
    }
    const uint64_t bytes = counts.received_bytes - connection.received_bytes;
    total_bytes += bytes;
    if (bytes >= kLeastUnansweredBytes) all.push_back({bytes, remote, connection.socket});
  }
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.bytes > b.bytes; });
  for (const Unanswered& one : all) {
    if (total_bytes <= max_unanswered_bytes) break;
    total_bytes -= one.bytes;
    Reset(one.socket);
    ended_ = true;
    ended.push_back(one.remote);
  }
  return ended;
}

}  // namespace shoal::service
