#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <span>

#include "absl/status/status.h"

struct tls_crypto_info;  // of <linux/tls.h>

namespace shoal::net {

// The part of the kernel that encrypts what is sent on a TCP socket (kernel TLS, the upper layer protocol
// "tls"): plain bytes go in, also by sendfile, and records of TLS leave. An interface, so that tests can play
// the kernel. For sending only.
//
// Not responsible for: handshakes and keys, which are OpenSSL's (shoal/net/transport/tls_transport.h).
// Thread safety: all methods are thread-safe.
class KernelTls {
 public:
  virtual ~KernelTls() = default;

  // Returns whether it is worth trying Enable. Found out once; the kernel can still refuse a connection.
  virtual bool available() const = 0;
  // Lets the kernel encrypt all that is sent on `socket` from now on, as records of application data.
  // `keys` is the first member of the struct of <linux/tls.h> that belongs to its cipher_type. Requires: the
  // socket is connected, and all bytes that were encrypted before were passed to it. Errors: UNIMPLEMENTED
  // for another cipher than AES-GCM and ChaCha20-Poly1305, UNAVAILABLE when the kernel refuses. The socket
  // sends what it is given, unchanged, then as before.
  virtual absl::Status Enable(int socket, const tls_crypto_info& keys) = 0;
  // Sends `content` as a record of its own of this type (for instance an alert), without waiting. Returns
  // what send(2) does, and sets errno. Requires: Enable succeeded.
  virtual ssize_t SendRecord(int socket, uint8_t type, std::span<const uint8_t> content) = 0;
};

// Returns the kernel of this machine. Asks it at the first call.
std::shared_ptr<KernelTls> SystemKernelTls();

}  // namespace shoal::net
