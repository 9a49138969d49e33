#include "shoal/net/tls/development_certificates.h"

#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "shoal/base/byte_order.h"
#include "shoal/base/endpoint.h"
#include "shoal/base/file_descriptor.h"
#include "shoal/base/file_io.h"
#include "shoal/base/status_macros.h"

namespace shoal::net {
namespace {

constexpr long kSecondsPerDay = 24 * 60 * 60;
constexpr long kAuthorityDays = 3650;
constexpr long kCertificateDays = 365;
// A machine whose clock is a little behind accepts them too.
constexpr long kBackdatedSeconds = 60 * 60;
constexpr size_t kSerialBytes = 16;
constexpr size_t kMaxHostBytes = 253;

using KeyPtr = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using CertificatePtr = std::unique_ptr<X509, decltype(&X509_free)>;
using MemoryPtr = std::unique_ptr<BIO, decltype(&BIO_free)>;

absl::Status OpenSslFailed(absl::string_view what) {
  return absl::InternalError(absl::StrCat(what, ": ", TakeOpenSslErrors()));
}

bool IsHostName(absl::string_view host) {
  return !host.empty() && host.size() <= kMaxHostBytes && host.front() != '.' &&
         std::all_of(host.begin(), host.end(), [](unsigned char c) {
           return absl::ascii_isalnum(c) || c == '-' || c == '.' || c == '_' || c == '*';
         });
}

// The subjectAltName of the certificate, in OpenSSL's notation.
absl::StatusOr<std::string> AlternativeNames(const std::vector<std::string>& hosts) {
  std::vector<std::string> all = {"localhost", "127.0.0.1", "::1"};
  char own[HOST_NAME_MAX + 1] = {};
  if (gethostname(own, sizeof(own) - 1) == 0 && IsHostName(own)) all.emplace_back(own);
  all.insert(all.end(), hosts.begin(), hosts.end());
  std::vector<std::string> entries;
  for (const std::string& host : all) {
    const bool address = IpAddress::Parse(host).ok();
    if (!address && !IsHostName(host)) {
      return absl::InvalidArgumentError(absl::StrCat("'", host, "' is neither a host name nor an address"));
    }
    std::string entry = absl::StrCat(address ? "IP:" : "DNS:", host);
    if (std::find(entries.begin(), entries.end(), entry) == entries.end())
      entries.push_back(std::move(entry));
  }
  return absl::StrJoin(entries, ",");
}

bool AddExtension(X509* certificate, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value);
  const bool added = extension != nullptr && X509_add_ext(certificate, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return added;
}

bool SetSerial(X509* certificate) {
  std::array<unsigned char, kSerialBytes> random;
  if (RAND_bytes(random.data(), random.size()) != 1) return false;
  random[0] &= 0x7f;  // positive
  BIGNUM* number = BN_bin2bn(random.data(), random.size(), nullptr);
  const bool set = BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != nullptr;
  BN_free(number);
  return set;
}

// A certificate without extensions; null on failure.
CertificatePtr Begin(EVP_PKEY* key, const std::string& common_name, long days) {
  CertificatePtr certificate(X509_new(), &X509_free);
  X509_set_version(certificate.get(), X509_VERSION_3);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -kBackdatedSeconds);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), days * kSecondsPerDay);
  const bool filled =
      SetSerial(certificate.get()) && X509_set_pubkey(certificate.get(), key) == 1 &&
      X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_UTF8,
                                 reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1, 0) == 1;
  if (!filled) certificate.reset();
  return certificate;
}

template <typename Write>
std::string Pem(Write write) {
  const MemoryPtr bio(BIO_new(BIO_s_mem()), &BIO_free);
  write(bio.get());
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<size_t>(size)};
}
std::string PemOf(X509* certificate) {
  return Pem([&](BIO* bio) { PEM_write_bio_X509(bio, certificate); });
}
std::string PemOf(EVP_PKEY* key) {
  return Pem(
      [&](BIO* bio) { PEM_write_bio_PKCS8PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr); });
}

absl::Status WriteNew(const std::string& path, const std::string& text, mode_t mode) {
  const FileDescriptor file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (!file.valid()) return ErrnoStatus(errno, absl::StrCat("cannot create ", path));
  return WriteAt(file.get(), AsBytes(text), 0);
}

}  // namespace

TlsFiles DevelopmentFiles(const std::string& folder) {
  return {folder + "/cert.pem", folder + "/key.pem", folder + "/ca.pem"};
}

absl::Status WriteDevelopmentCertificates(const std::string& folder, const std::vector<std::string>& hosts) {
  SHOAL_ASSIGN_OR_RETURN(const std::string names, AlternativeNames(hosts));
  const TlsFiles files = DevelopmentFiles(folder);
  const std::string authority_key_file = folder + "/ca-key.pem";
  if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    return ErrnoStatus(errno, absl::StrCat("cannot make the folder ", folder));
  }
  for (const std::string* path : {&files.authorities, &authority_key_file, &files.certificate, &files.key}) {
    struct stat info{};
    if (lstat(path->c_str(), &info) == 0) {
      return absl::AlreadyExistsError(
          absl::StrCat(*path, " exists, and is not overwritten: remove it, or choose another folder"));
    }
  }

  const KeyPtr authority_key(EVP_EC_gen("P-256"), &EVP_PKEY_free);
  const KeyPtr key(EVP_EC_gen("P-256"), &EVP_PKEY_free);
  if (authority_key == nullptr || key == nullptr) return OpenSslFailed("no key");
  const CertificatePtr authority = Begin(authority_key.get(), "Shoal development CA", kAuthorityDays);
  const CertificatePtr certificate = Begin(key.get(), "Shoal development", kCertificateDays);
  if (authority == nullptr || certificate == nullptr) return OpenSslFailed("no certificate");
  const X509* issuer = authority.get();
  const bool made =
      X509_set_issuer_name(authority.get(), X509_get_subject_name(issuer)) == 1 &&
      AddExtension(authority.get(), authority.get(), NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
      AddExtension(authority.get(), authority.get(), NID_key_usage, "critical,keyCertSign,cRLSign") &&
      AddExtension(authority.get(), authority.get(), NID_subject_key_identifier, "hash") &&
      X509_sign(authority.get(), authority_key.get(), EVP_sha256()) > 0 &&
      X509_set_issuer_name(certificate.get(), X509_get_subject_name(issuer)) == 1 &&
      AddExtension(certificate.get(), authority.get(), NID_basic_constraints, "critical,CA:FALSE") &&
      AddExtension(certificate.get(), authority.get(), NID_key_usage, "critical,digitalSignature") &&
      AddExtension(certificate.get(), authority.get(), NID_ext_key_usage, "serverAuth,clientAuth") &&
      AddExtension(certificate.get(), authority.get(), NID_subject_key_identifier, "hash") &&
      AddExtension(certificate.get(), authority.get(), NID_authority_key_identifier, "keyid:always") &&
      AddExtension(certificate.get(), authority.get(), NID_subject_alt_name, names.c_str()) &&
      X509_sign(certificate.get(), authority_key.get(), EVP_sha256()) > 0;
  if (!made) return OpenSslFailed("no certificate");

  SHOAL_RETURN_IF_ERROR(WriteNew(authority_key_file, PemOf(authority_key.get()), 0600));
  SHOAL_RETURN_IF_ERROR(WriteNew(files.key, PemOf(key.get()), 0600));
  SHOAL_RETURN_IF_ERROR(WriteNew(files.authorities, PemOf(authority.get()), 0644));
  return WriteNew(files.certificate, PemOf(certificate.get()), 0644);
}

}  // namespace shoal::net
