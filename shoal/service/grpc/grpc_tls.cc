#include "shoal/service/grpc/grpc_tls.h"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>

#include "grpc/grpc.h"
#include "grpc/grpc_security.h"
#include "grpcpp/security/auth_metadata_processor.h"
#include "grpcpp/security/server_credentials.h"

namespace shoal::service {
namespace {

// gRPC 1.51 accepts TLS 1.2 too and has no setting for that, but for the cipher suites of TLS 1.2: those of
// keys that were exchanged before, which a server without such keys never chooses.
void AllowTls13Only() {
  [[maybe_unused]] static const int set =
      setenv("GRPC_SSL_CIPHER_SUITES", "PSK-AES128-GCM-SHA256", /*overwrite=*/1);
}

// grpc::SslServerCredentials has no way to change the certificates later; the C interface has.
class ReloadingServerCredentials final : public grpc::ServerCredentials {
 public:
  explicit ReloadingServerCredentials(std::shared_ptr<net::TlsContext> tls) : tls_(std::move(tls)) {
    const bool demands = tls_->Current()->demands_certificates();
    credentials_ = grpc_ssl_server_credentials_create_with_options(
        grpc_ssl_server_credentials_create_options_using_config_fetcher(
            demands ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
                    : GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE,
            Fetch, this));
  }
  ~ReloadingServerCredentials() override { grpc_server_credentials_release(credentials_); }

  void SetAuthMetadataProcessor(const std::shared_ptr<grpc::AuthMetadataProcessor>&) override {}

 private:
  int AddPortToServer(const std::string& address, grpc_server* server) override {
    return grpc_server_add_http2_port(server, address.c_str(), credentials_);
  }

  // Called before each handshake, one at a time.
  static grpc_ssl_certificate_config_reload_status Fetch(void* self,
                                                         grpc_ssl_server_certificate_config** config) {
    auto& credentials = *static_cast<ReloadingServerCredentials*>(self);
    const auto current = credentials.tls_->Current();
    if (current->generation == credentials.given_generation_)
      return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    // gRPC insists on authorities, also when it is to ask for no certificate.
    const std::string& roots = current->demands_certificates() ? current->authorities : current->certificate;
    const grpc_ssl_pem_key_cert_pair pair{current->key.c_str(), current->certificate.c_str()};
    *config = grpc_ssl_server_certificate_config_create(roots.c_str(), &pair, 1);
    credentials.given_generation_ = current->generation;
    return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
  }

  const std::shared_ptr<net::TlsContext> tls_;
  uint64_t given_generation_ = 0;
  grpc_server_credentials* credentials_ = nullptr;
};

}  // namespace

std::shared_ptr<grpc::ServerCredentials> TlsServerCredentials(std::shared_ptr<net::TlsContext> tls) {
  AllowTls13Only();
  return std::make_shared<ReloadingServerCredentials>(std::move(tls));
}

}  // namespace shoal::service
