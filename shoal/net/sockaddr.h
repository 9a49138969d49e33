#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>

#include "shoal/base/endpoint.h"

namespace shoal::net {

// A socket address as system calls take and return it. Value type.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

// AF_INET for an IPv4 address, AF_INET6 otherwise.
SocketAddress ToSocketAddress(const Endpoint& endpoint);
// Always AF_INET6, IPv4 as ::ffff:a.b.c.d: for a socket that takes both families.
SocketAddress ToV6SocketAddress(const Endpoint& endpoint);
// IPv4 and IPv4-mapped addresses become IPv4. Requires: AF_INET or AF_INET6; any other family is unspecified.
Endpoint FromSocketAddress(const sockaddr_storage& storage);

// The local port of a bound socket; 0 when it is not bound.
uint16_t LocalPort(int socket);

}  // namespace shoal::net
