#include "shoal/net/tls/kernel_tls.h"

#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "shoal/base/file_descriptor.h"

namespace shoal::net {
namespace {

constexpr char kProtocol[] = "tls";

int SetProtocol(int socket) {
  return ::setsockopt(socket, IPPROTO_TCP, TCP_ULP, kProtocol, sizeof kProtocol - 1);
}

// Zero: a cipher that is not used here.
socklen_t SizeOf(const tls_crypto_info& keys) {
  switch (keys.cipher_type) {
    case TLS_CIPHER_AES_GCM_128:
      return sizeof(tls12_crypto_info_aes_gcm_128);
    case TLS_CIPHER_AES_GCM_256:
      return sizeof(tls12_crypto_info_aes_gcm_256);
    case TLS_CIPHER_CHACHA20_POLY1305:
      return sizeof(tls12_crypto_info_chacha20_poly1305);
    default:
      return 0;
  }
}

class LinuxKernelTls final : public KernelTls {
 public:
  LinuxKernelTls() : available_(Probe()) {}

  bool available() const override { return available_; }

  absl::Status Enable(int socket, const tls_crypto_info& keys) override {
    const socklen_t size = SizeOf(keys);
    if (size == 0) return absl::UnimplementedError(absl::StrCat("no cipher ", keys.cipher_type));
    if (SetProtocol(socket) != 0 || ::setsockopt(socket, SOL_TLS, TLS_TX, &keys, size) != 0) {
      return absl::UnavailableError(absl::StrCat("no kernel TLS: ", std::strerror(errno)));
    }
    return absl::OkStatus();
  }

  ssize_t SendRecord(int socket, uint8_t type, std::span<const uint8_t> content) override {
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof type)] = {};
    iovec bytes{const_cast<uint8_t*>(content.data()), content.size()};
    msghdr message{};
    message.msg_iov = &bytes;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_TLS;
    header->cmsg_type = TLS_SET_RECORD_TYPE;
    header->cmsg_len = CMSG_LEN(sizeof type);
    *CMSG_DATA(header) = type;
    return ::sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  }

 private:
  // A kernel that has the protocol refuses it to a socket that is not connected with ENOTCONN; one that has
  // not, with another error.
  static bool Probe() {
    const FileDescriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    return SetProtocol(socket.get()) == 0 || errno == ENOTCONN;
  }

  const bool available_;
};

}  // namespace

std::shared_ptr<KernelTls> SystemKernelTls() {
  static const std::shared_ptr<KernelTls> kernel = std::make_shared<LinuxKernelTls>();
  return kernel;
}

}  // namespace shoal::net
