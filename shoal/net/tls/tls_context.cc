#include "shoal/net/tls/tls_context.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "shoal/base/file_io.h"
#include "shoal/base/status_macros.h"

namespace shoal::net {
namespace {

constexpr uint64_t kMaxFileBytes = 1024 * 1024;
// AES-128-GCM first: processors have instructions for it, and it takes least time.
constexpr char kCipherSuites[] = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
// Read from a socket at a time: some records of 16 KiB.
constexpr size_t kReadBufferBytes = 64 * 1024;
constexpr int kMaxChainLength = 8;

using X509Ptr = std::unique_ptr<X509, decltype(&X509_free)>;
using BioPtr = std::unique_ptr<BIO, decltype(&BIO_free)>;

BioPtr BioOver(const std::string& text) {
  return {BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), &BIO_free};
}

// OpenSSL would ask the terminal.
int NoPassphrase(char*, int, int, void*) {
  return -1;
}

absl::Status Wrong(const std::string& file, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat(file, ": ", why));
}

// The certificates in a PEM text, in order. Other entries are ignored, and so is what follows a broken one.
std::vector<X509Ptr> CertificatesIn(const std::string& pem) {
  std::vector<X509Ptr> found;
  const BioPtr bio = BioOver(pem);
  while (X509* next = PEM_read_bio_X509(bio.get(), nullptr, NoPassphrase, nullptr)) {
    found.emplace_back(next, &X509_free);
  }
  ERR_clear_error();  // the end of the text is reported as an error
  return found;
}

std::string TimeText(const ASN1_TIME* time) {
  const BioPtr bio(BIO_new(BIO_s_mem()), &BIO_free);
  ASN1_TIME_print(bio.get(), time);
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<size_t>(size)};
}

std::vector<std::string> DnsNamesOf(X509* certificate) {
  std::vector<std::string> names;
  auto* entries =
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(entries); ++i) {
    const GENERAL_NAME* entry = sk_GENERAL_NAME_value(entries, i);
    if (entry->type != GEN_DNS) continue;
    names.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(entry->d.dNSName)),
                       static_cast<size_t>(ASN1_STRING_length(entry->d.dNSName)));
  }
  GENERAL_NAMES_free(entries);
  return names;
}

absl::Status UseIdentity(const TlsFiles& files, TlsCredentials* to) {
  SSL_CTX* context = to->context.get();
  const std::vector<X509Ptr> chain = CertificatesIn(to->certificate);
  if (chain.empty()) return Wrong(files.certificate, "there is no certificate in it (PEM is expected)");
  X509* own = chain.front().get();
  if (X509_cmp_current_time(X509_get0_notAfter(own)) < 0) {
    return Wrong(files.certificate,
                 absl::StrCat("the certificate expired at ", TimeText(X509_get0_notAfter(own))));
  }
  if (SSL_CTX_use_certificate(context, own) != 1) return Wrong(files.certificate, TakeOpenSslErrors());
  for (size_t i = 1; i < chain.size(); ++i) {
    if (SSL_CTX_add1_chain_cert(context, chain[i].get()) != 1) {
      return Wrong(files.certificate, TakeOpenSslErrors());
    }
  }
  const BioPtr bio = BioOver(to->key);
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
      PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassphrase, nullptr), &EVP_PKEY_free);
  if (key == nullptr) {
    ERR_clear_error();
    return Wrong(files.key, "there is no private key in it that needs no passphrase (PEM is expected)");
  }
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1 || SSL_CTX_check_private_key(context) != 1) {
    ERR_clear_error();
    return Wrong(files.key, absl::StrCat("it is not the key of the certificate in ", files.certificate));
  }
  to->dns_names = DnsNamesOf(own);
  return absl::OkStatus();
}

absl::Status UseAuthorities(const TlsFiles& files, TlsCredentials* to) {
  SSL_CTX* context = to->context.get();
  const std::vector<X509Ptr> authorities = CertificatesIn(to->authorities);
  if (authorities.empty()) return Wrong(files.authorities, "there is no certificate in it (PEM is expected)");
  for (const X509Ptr& authority : authorities) {
    if (X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority.get()) != 1 ||
        SSL_CTX_add_client_CA(context, authority.get()) != 1) {
      return Wrong(files.authorities, TakeOpenSslErrors());
    }
  }
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_verify_depth(context, kMaxChainLength);
  // An authority need not be a root.
  X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context), X509_V_FLAG_PARTIAL_CHAIN);
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const TlsCredentials>> CredentialsIn(const TlsFiles& files,
                                                                    uint64_t generation) {
  auto credentials = std::make_shared<TlsCredentials>();
  credentials->generation = generation;
  for (const auto& [path, content] :
       {std::pair(&files.certificate, &credentials->certificate), std::pair(&files.key, &credentials->key),
        std::pair(&files.authorities, &credentials->authorities)}) {
    if (path->empty()) continue;
    SHOAL_ASSIGN_OR_RETURN(*content, ReadFile(*path, kMaxFileBytes));
  }
  credentials->context.reset(SSL_CTX_new(TLS_method()), &SSL_CTX_free);
  SSL_CTX* context = credentials->context.get();
  if (context == nullptr) return absl::InternalError(absl::StrCat("no TLS: ", TakeOpenSslErrors()));
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  SSL_CTX_set_ciphersuites(context, kCipherSuites);
  SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE);
  // A connection is seldom made twice: no tickets, no cache.
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(context, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_default_read_buffer_len(context, kReadBufferBytes);
  if (!files.certificate.empty()) SHOAL_RETURN_IF_ERROR(UseIdentity(files, credentials.get()));
  if (!files.authorities.empty()) SHOAL_RETURN_IF_ERROR(UseAuthorities(files, credentials.get()));
  return credentials;
}

}  // namespace

absl::StatusOr<std::shared_ptr<TlsContext>> TlsContext::Load(const TlsFiles& files, const Options& options) {
  if (files.certificate.empty() != files.key.empty()) {
    return absl::InvalidArgumentError("a certificate and its private key are needed together");
  }
  std::shared_ptr<TlsContext> context(new TlsContext(files, options));
  MutexLock lock(&context->mutex_);
  SHOAL_RETURN_IF_ERROR(context->Read());
  return context;
}

std::shared_ptr<const TlsCredentials> TlsContext::Current() {
  std::shared_ptr<const TlsCredentials> current;
  absl::Status outcome;
  {
    MutexLock lock(&mutex_);
    const absl::Duration now = options_.clock->Uptime();
    if (now - looked_at_ < options_.look_interval) return current_;
    looked_at_ = now;
    if (StampFiles() == stamps_) return current_;
    outcome = Read();
    current = current_;
  }
  Tell(outcome);
  return current;
}

absl::Status TlsContext::Reload() {
  absl::Status outcome;
  {
    MutexLock lock(&mutex_);
    outcome = Read();
  }
  Tell(outcome);
  return outcome;
}

// The stamps are taken first: a change while the files are read is seen at the next look.
absl::Status TlsContext::Read() {
  looked_at_ = options_.clock->Uptime();
  stamps_ = StampFiles();
  SHOAL_ASSIGN_OR_RETURN(current_, CredentialsIn(files_, readings_ + 1));
  ++readings_;
  return absl::OkStatus();
}

void TlsContext::Tell(const absl::Status& outcome) const {
  if (options_.on_reload != nullptr) options_.on_reload(outcome);
}

TlsContext::Stamps TlsContext::StampFiles() const {
  Stamps stamps;
  for (const std::string* path : {&files_.certificate, &files_.key, &files_.authorities}) {
    stamps.push_back(FileStamp::Of(*path).value_or(FileStamp()));
  }
  return stamps;
}

std::string TakeOpenSslErrors() {
  const unsigned long error = ERR_peek_last_error();
  ERR_clear_error();
  const char* reason = error == 0 ? nullptr : ERR_reason_error_string(error);
  return reason == nullptr ? "unknown reason" : reason;
}

}  // namespace shoal::net
