#include "shoal/net/listener.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "shoal/net/sockaddr.h"

namespace shoal::net {
namespace {

constexpr int kBacklog = 4096;  // the kernel cuts it to net.core.somaxconn

// The bound and listening socket, or an invalid one with errno set.
FileDescriptor Bind(const SocketAddress& address, bool also_v4) {
  const int family = address.get()->sa_family;
  FileDescriptor socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.valid()) return socket;
  const int one = 1;
  const int v6_only = also_v4 ? 0 : 1;
  // Lets a restarted server have its port back at once; two live listeners still can't share it.
  setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
  if (family == AF_INET6) {
    setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof(v6_only));
  }
  if (bind(socket.get(), address.get(), address.size) != 0 || listen(socket.get(), kBacklog) != 0) {
    const int kept = errno;
    socket.Close();
    errno = kept;
  }
  return socket;
}

// What to do about an error of bind.
absl::string_view AdviceOn(int error) {
  switch (error) {
    case EADDRINUSE:
      return "; another program uses this port: end it, or choose another port";
    case EADDRNOTAVAIL:
      return "; this machine has no such address: choose one that it has, or 0.0.0.0 for all";
    case EACCES:
      return "; ports below 1024 need more rights: choose another port";
    default:
      return "";
  }
}

}  // namespace

absl::Status ListenError(absl::string_view at, int error) {
  return absl::UnavailableError(
      absl::StrCat("cannot listen on ", at, ": ", strerrordesc_np(error), AdviceOn(error)));
}

absl::StatusOr<Listener> Listener::Open(const Endpoint& at) {
  Listener listener;
  if (at.ip.is_unspecified()) {
    listener.socket = Bind(ToV6SocketAddress({IpAddress(), at.port}), /*also_v4=*/true);
    const bool no_v6 = errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL;
    if (!listener.socket.valid() && no_v6) {
      listener.socket = Bind(ToSocketAddress({IpAddress::V4({0, 0, 0, 0}), at.port}), /*also_v4=*/false);
    }
  } else {
    listener.socket = Bind(ToSocketAddress(at), /*also_v4=*/false);
  }
  if (!listener.socket.valid()) {
    return ListenError(at.ToString(), errno);
  }
  listener.port = LocalPort(listener.socket.get());
  return listener;
}

}  // namespace shoal::net
