#pragma once

#include <memory>

#include "absl/strings/string_view.h"
#include "shoal/net/tls/kernel_tls.h"
#include "shoal/net/tls/tls_context.h"
#include "shoal/net/transport/transport.h"

namespace shoal::net {

// Returns the factory of transports that speak TLS 1.3 over TCP. Open() performs the handshake at both ends,
// with the current credentials of `context`. It has no timeout: the caller must bound it. Each end checks
// that the peer's certificate chains to one of the context's authorities. It does not check that the
// certificate names the address, because addresses come from trackers.
//
// If `kernel` supports the cipher of a connection and accepts its keys, the kernel encrypts from the end of
// the handshake on, and regions are sent by sendfile as over plain TCP. Otherwise the connection silently
// falls back: the bytes of a region are read into a per-thread buffer and encrypted in the process. What is
// buffered for a connection is some 150 KiB, and nothing is allocated for a chunk. sent_bytes() and
// received_bytes() count what went over the wire, with the overhead of TLS, but for that of records which the
// kernel makes.
//
// What the kernel encrypts and the peer has no room for may be lost by Close(), and EndWriting() ends the
// stream of TLS, not that of TCP. Received bytes are always decrypted here.
//
// Errors: also UNAVAILABLE for a peer that speaks no TLS, presents a certificate of an unknown authority, or
// rejects this end's certificate; the message says which. Since a server checks last, a client learns of that
// from its first read. Records that were changed on the way break the connection, and so does a peer that
// asks for new keys of what the kernel encrypts (no peer of Shoal does): all calls say so then.
std::shared_ptr<const TransportFactory> TlsTransports(std::shared_ptr<TlsContext> context,
                                                      std::shared_ptr<KernelTls> kernel = SystemKernelTls());

// Returns who encrypts what such transports send, for the log: "none" without a context, "kernel" where it is
// asked to for each connection, else "process".
absl::string_view EncryptedBy(const std::shared_ptr<TlsContext>& context);

}  // namespace shoal::net
