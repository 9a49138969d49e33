#pragma once

#include <memory>

#include "shoal/net/tls/tls_context.h"

namespace grpc {
class ServerCredentials;
}  // namespace grpc

namespace shoal::service {

// Server credentials that follow `tls`: each handshake uses what it has then. TLS 1.3 only. With authorities,
// clients must have a certificate from one of them. Requires: `tls` has a certificate. The result serves one
// listener, and must outlive its server.
std::shared_ptr<grpc::ServerCredentials> TlsServerCredentials(std::shared_ptr<net::TlsContext> tls);

}  // namespace shoal::service
