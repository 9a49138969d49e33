#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "shoal/net/tls/tls_context.h"

namespace shoal::net {

// Where WriteDevelopmentCertificates puts its files: `folder`/ca.pem, cert.pem and key.pem.
TlsFiles DevelopmentFiles(const std::string& folder);

// Creates a certificate authority and one certificate that it issued, for development and tests, in `folder`,
// which is created if missing. The files are ca.pem, ca-key.pem, cert.pem and key.pem. All keys use the curve
// P-256. Only this user can read the key files (mode 0600). The certificate is for clients and servers at
// localhost, 127.0.0.1, ::1, the name of this machine and `hosts` (names and addresses), and is valid for a
// year; the authority for ten.
//
// Errors: ALREADY_EXISTS, with the path, when one of the files is there: nothing is written then;
// INVALID_ARGUMENT for a host that is neither a name nor an address; those of file_io.
absl::Status WriteDevelopmentCertificates(const std::string& folder, const std::vector<std::string>& hosts);

}  // namespace shoal::net
