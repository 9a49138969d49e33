#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>

#include "shoal/base/endpoint.h"

namespace shoal::net {

// The one conversion between Endpoint and the socket addresses of system calls. Thread safety: thread-safe.

// A socket address in the form that system calls take and return. Value type.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

// Returns AF_INET for an IPv4 address, AF_INET6 otherwise.
SocketAddress ToSocketAddress(const Endpoint& endpoint);
// Always returns AF_INET6, IPv4 as ::ffff:a.b.c.d: for a socket that takes both families.
SocketAddress ToV6SocketAddress(const Endpoint& endpoint);
// Returns IPv4 for IPv4 and IPv4-mapped addresses, and Endpoint() for families other than AF_INET and
// AF_INET6.
Endpoint FromSocketAddress(const sockaddr_storage& storage);

// Returns the address of either end of a connected socket, and Endpoint() when it has none.
Endpoint LocalOf(int socket);
Endpoint RemoteOf(int socket);

// Returns the kernel's number of an open socket, which it never gives to another one: tells a descriptor that
// was closed, or closed and used again. 0 when `socket` is no open socket.
uint64_t SocketCookie(int socket);

// Returns the local port of a bound socket, and 0 for a socket that is not bound.
uint16_t LocalPort(int socket);

}  // namespace shoal::net
