#include "shoal/net/sockaddr.h"

#include <array>
#include <cstring>

namespace shoal::net {

SocketAddress ToSocketAddress(const Endpoint& endpoint) {
  if (!endpoint.ip.is_v4()) return ToV6SocketAddress(endpoint);
  SocketAddress address;
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(endpoint.port);
  std::memcpy(&v4.sin_addr, endpoint.ip.bytes().data() + 12, sizeof(v4.sin_addr));
  std::memcpy(&address.storage, &v4, sizeof(v4));
  address.size = sizeof(v4);
  return address;
}

SocketAddress ToV6SocketAddress(const Endpoint& endpoint) {
  SocketAddress address;
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(endpoint.port);
  std::memcpy(&v6.sin6_addr, endpoint.ip.bytes().data(), sizeof(v6.sin6_addr));
  std::memcpy(&address.storage, &v6, sizeof(v6));
  address.size = sizeof(v6);
  return address;
}

Endpoint FromSocketAddress(const sockaddr_storage& storage) {
  if (storage.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &storage, sizeof(v4));
    std::array<uint8_t, 4> bytes{};
    std::memcpy(bytes.data(), &v4.sin_addr, bytes.size());
    return {IpAddress::V4(bytes), ntohs(v4.sin_port)};
  }
  if (storage.ss_family != AF_INET6) return {};
  sockaddr_in6 v6{};
  std::memcpy(&v6, &storage, sizeof(v6));
  std::array<uint8_t, 16> bytes{};
  std::memcpy(bytes.data(), &v6.sin6_addr, bytes.size());
  return {IpAddress(bytes), ntohs(v6.sin6_port)};
}

Endpoint LocalOf(int socket) {
  SocketAddress local;
  local.size = sizeof(local.storage);
  if (getsockname(socket, local.get(), &local.size) != 0) return {};
  return FromSocketAddress(local.storage);
}

Endpoint RemoteOf(int socket) {
  SocketAddress remote;
  remote.size = sizeof(remote.storage);
  if (getpeername(socket, remote.get(), &remote.size) != 0) return {};
  return FromSocketAddress(remote.storage);
}

uint64_t SocketCookie(int socket) {
  uint64_t cookie = 0;
  socklen_t size = sizeof(cookie);
  return getsockopt(socket, SOL_SOCKET, SO_COOKIE, &cookie, &size) == 0 ? cookie : 0;
}

uint16_t LocalPort(int socket) {
  return LocalOf(socket).port;
}

}  // namespace shoal::net
