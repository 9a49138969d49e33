#include "shoal/service/tls_flags.h"

#include <string>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "shoal/base/status_macros.h"
#include "shoal/service/log/log.h"

namespace shoal::service {
namespace {

void LogReload(const absl::Status& outcome) {
  if (outcome.ok()) {
    LogInfo("new certificates are in use");
  } else {
    LogError("the certificates stay as they are", {{"why", std::string(outcome.message())}});
  }
}

absl::Status Missing(absl::string_view flag, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat(flag, " is missing: ", why));
}

}  // namespace

void AddTlsFlags(CLI::App& app, net::TlsFiles* files) {
  app.add_option("--tls-cert", files->certificate,
                 "Speak TLS with this certificate (PEM, followed by those between it and its CA); files that "
                 "change are read again")
      ->envname("SHOAL_TLS_CERT")
      ->type_name("FILE")
      ->group("TLS");
  app.add_option("--tls-key", files->key, "The private key of --tls-cert (PEM, without a passphrase)")
      ->envname("SHOAL_TLS_KEY")
      ->type_name("FILE")
      ->group("TLS");
  app.add_option("--tls-ca", files->authorities,
                 "Demand that others have a certificate from one of these CAs (PEM)")
      ->envname("SHOAL_TLS_CA")
      ->type_name("FILE")
      ->group("TLS");
}

void AddTlsHttpFlag(CLI::App& app, net::TlsFiles* files) {
  app.add_flag("--tls-http-client-certs", files->browsers_too,
               "Demand certificates of --tls-ca over HTTP too, of browsers and Prometheus")
      ->envname("SHOAL_TLS_HTTP_CLIENT_CERTS")
      ->group("TLS");
}

absl::Status CheckTlsFiles(const net::TlsFiles& files, TlsRole role) {
  if (files.browsers_too && files.authorities.empty()) {
    return Missing("--tls-ca", "it says whose certificates --tls-http-client-certs accepts");
  }
  if (!files.any()) return absl::OkStatus();
  if (files.certificate.empty() && !files.key.empty()) {
    return Missing("--tls-cert", "the certificate of --tls-key");
  }
  if (files.key.empty() && !files.certificate.empty()) {
    return Missing("--tls-key", "the private key of --tls-cert");
  }
  if (role != TlsRole::kClient && files.certificate.empty()) {
    return Missing("--tls-cert", "others connect to this process, so it needs a certificate and --tls-key");
  }
  if (role != TlsRole::kServer && files.authorities.empty()) {
    return Missing("--tls-ca", "the certificate of the CA that trackers and peers have theirs from");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<net::TlsContext>> LoadTls(const net::TlsFiles& files, TlsRole role) {
  SHOAL_RETURN_IF_ERROR(CheckTlsFiles(files, role));
  if (!files.any()) return std::shared_ptr<net::TlsContext>();
  net::TlsContext::Options options;
  options.on_reload = LogReload;
  return net::TlsContext::Load(files, options);
}

}  // namespace shoal::service
