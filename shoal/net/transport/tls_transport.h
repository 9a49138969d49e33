#pragma once

#include <memory>

#include "shoal/net/tls/tls_context.h"
#include "shoal/net/transport/transport.h"

namespace shoal::net {

// Returns the factory of transports that speak TLS 1.3 over TCP. Open() makes the handshake at both ends,
// with the credentials that `context` has then; who waits for it bounds its time. Each end checks that the
// certificate of the other leads to one of the context's authorities, not that it names the address:
// addresses come from trackers.
//
// The bytes of a region are read into a buffer of the thread and encrypted there. What is buffered for a
// connection is some 150 KiB, and nothing is allocated for a chunk. sent_bytes() and received_bytes() count
// what went over the wire, with the overhead of TLS.
//
// Errors: also UNAVAILABLE for a peer that speaks no TLS, is of no known authority, or does not accept the
// own certificate; the message says which. Since a server checks last, a client learns of that from its first
// read. Records that were changed on the way break the connection.
std::shared_ptr<const TransportFactory> TlsTransports(std::shared_ptr<TlsContext> context);

}  // namespace shoal::net
