#include "shoal/net/listener.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace shoal::net {
namespace {

constexpr int kBacklog = 4096;  // the kernel cuts it to net.core.somaxconn

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
  int family = AF_INET6;
};

Address V6(const Endpoint& at) {
  Address address;
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(at.port);
  if (!at.ip.is_unspecified()) std::memcpy(&v6.sin6_addr, at.ip.bytes().data(), 16);
  std::memcpy(&address.storage, &v6, sizeof(v6));
  address.size = sizeof(v6);
  address.family = AF_INET6;
  return address;
}

Address V4(const Endpoint& at) {
  Address address;
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(at.port);
  if (!at.ip.is_unspecified()) std::memcpy(&v4.sin_addr, at.ip.bytes().data() + 12, 4);
  std::memcpy(&address.storage, &v4, sizeof(v4));
  address.size = sizeof(v4);
  address.family = AF_INET;
  return address;
}

// The bound and listening socket, or an invalid one with errno set.
FileDescriptor Bind(const Address& address, bool also_v4) {
  FileDescriptor socket(::socket(address.family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.valid()) return socket;
  const int one = 1;
  const int v6_only = also_v4 ? 0 : 1;
  // Lets a restarted server have its port back at once; two live listeners still can't share it.
  setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
  if (address.family == AF_INET6) {
    setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof(v6_only));
  }
  if (bind(socket.get(), reinterpret_cast<const sockaddr*>(&address.storage), address.size) != 0 ||
      listen(socket.get(), kBacklog) != 0) {
    const int kept = errno;
    socket.Close();
    errno = kept;
  }
  return socket;
}

}  // namespace

absl::StatusOr<Listener> Listener::Open(const Endpoint& at) {
  Listener listener;
  if (at.ip.is_unspecified()) {
    listener.socket = Bind(V6(at), /*also_v4=*/true);
    const bool no_v6 = errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL;
    if (!listener.socket.valid() && no_v6) listener.socket = Bind(V4(at), /*also_v4=*/false);
  } else {
    listener.socket = Bind(at.ip.is_v4() ? V4(at) : V6(at), /*also_v4=*/false);
  }
  if (!listener.socket.valid()) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", at.ToString(), ": ", strerrordesc_np(errno)));
  }
  sockaddr_storage bound{};
  socklen_t size = sizeof(bound);
  if (getsockname(listener.socket.get(), reinterpret_cast<sockaddr*>(&bound), &size) != 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot tell the port of ", at.ToString(), ": ", strerrordesc_np(errno)));
  }
  // sin_port and sin6_port lie at the same place.
  listener.port = ntohs(reinterpret_cast<const sockaddr_in*>(&bound)->sin_port);
  return listener;
}

}  // namespace shoal::net
