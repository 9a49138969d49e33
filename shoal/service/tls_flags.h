#pragma once

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "shoal/net/tls/tls_context.h"

namespace CLI {
class App;
}  // namespace CLI

namespace shoal::service {

// The flags by which every program is given its certificates.

// What a process needs them for.
enum class TlsRole {
  kServer,  // takes connections only: needs a certificate, and authorities if it demands certificates of others
  kPeer,    // takes and makes connections of the chunk stream: needs all three
  kClient,  // makes connections only: needs authorities, and a certificate where one is demanded
};

// Declares --tls-cert, --tls-key and --tls-ca ($SHOAL_TLS_CERT and so on). `files` must outlive the parsing.
void AddTlsFlags(CLI::App& app, net::TlsFiles* files);
// Declares --tls-http-client-certs, for programs that serve pages.
void AddTlsHttpFlag(CLI::App& app, net::TlsFiles* files);

// Errors: INVALID_ARGUMENT, with the flag that is missing, when some flags are set but not those that the
// role needs.
absl::Status CheckTlsFiles(const net::TlsFiles& files, TlsRole role);

// Returns null when no flag is set. Further readings of the files are logged. Errors: those of CheckTlsFiles
// and of TlsContext::Load.
absl::StatusOr<std::shared_ptr<net::TlsContext>> LoadTls(const net::TlsFiles& files, TlsRole role);

}  // namespace shoal::service
