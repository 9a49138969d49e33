#include "shoal/service/systemd.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "shoal/base/file_descriptor.h"

namespace shoal::service {
namespace {

absl::Status Notify(absl::string_view state) {
  const char* name = std::getenv("NOTIFY_SOCKET");
  if (name == nullptr || *name == '\0') return absl::OkStatus();
  const absl::string_view path = name;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if ((path[0] != '/' && path[0] != '@') || path.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError(absl::StrCat("NOTIFY_SOCKET is no address of a socket: ", path));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  // An abstract address begins with a null byte, which the environment can't hold.
  if (path[0] == '@') address.sun_path[0] = '\0';
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());

  const FileDescriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return ErrnoStatus(errno, "socket");
  const ssize_t sent = ::sendto(socket.get(), state.data(), state.size(), MSG_NOSIGNAL,
                                reinterpret_cast<const sockaddr*>(&address), length);
  if (sent < 0) return ErrnoStatus(errno, absl::StrCat("NOTIFY_SOCKET ", path));
  return absl::OkStatus();
}

}  // namespace

absl::Status NotifyReady() {
  return Notify("READY=1");
}

absl::Status NotifyStopping() {
  return Notify("STOPPING=1");
}

}  // namespace shoal::service
