#include "shoal/content/manifest/signing_key.h"

#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "shoal/base/error_cause.h"
#include "shoal/base/file_descriptor.h"
#include "shoal/base/file_io.h"
#include "shoal/base/status_macros.h"

namespace shoal {
namespace {

constexpr absl::string_view kKeyPrefix = "ed25519:";
constexpr uint64_t kMaxKeyFileBytes = 16 << 10;

struct FreeKeyContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using KeyContext = std::unique_ptr<EVP_MD_CTX, FreeKeyContext>;

struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using UniqueBio = std::unique_ptr<BIO, FreeBio>;

std::shared_ptr<EVP_PKEY> OwnedKey(EVP_PKEY* key) {
  return {key, EVP_PKEY_free};
}

// The calls checked with this fail only without memory, or if the OpenSSL of this machine has no Ed25519.
void RequireKey(bool done) {
  if (!done) std::abort();
}

// Answers OpenSSL, which asks for the password of a key; without this it would ask at the terminal.
int NoPassword(char*, int, int, void*) {
  return -1;
}

absl::Status NotAKey(absl::string_view text) {
  return absl::InvalidArgumentError(
      absl::StrCat("\"", absl::CHexEscape(text.substr(0, 80)),
                   "\" is no public key: one looks like ed25519:AAAA...=, as `shoal key` prints it"));
}

}  // namespace

absl::StatusOr<PublicKey> PublicKey::FromBytes(ByteView bytes) {
  PublicKey key;
  if (bytes.size() == kSizeBytes) std::copy(bytes.begin(), bytes.end(), key.bytes_.begin());
  if (key.is_zero()) return absl::InvalidArgumentError("a public key has 32 bytes, not all of them zero");
  return key;
}

absl::StatusOr<PublicKey> PublicKey::Parse(absl::string_view text) {
  absl::string_view encoded = text;
  std::string bytes;
  if (!absl::ConsumePrefix(&encoded, kKeyPrefix) || encoded.size() > 44 ||
      !absl::Base64Unescape(encoded, &bytes)) {
    return NotAKey(text);
  }
  auto key = FromBytes(AsBytes(bytes));
  // The last digit has two bits that no byte uses: a key has one text only.
  if (!key.ok() || absl::StripSuffix(key->ToText(), "=") != absl::StripSuffix(text, "=")) {
    return NotAKey(text);
  }
  return key;
}

std::string PublicKey::ToText() const {
  return absl::StrCat(kKeyPrefix, absl::Base64Escape(ToString()));
}

bool PublicKey::Verify(ByteView message, const SignatureBytes& signature) const {
  if (is_zero()) return false;
  const auto key =
      OwnedKey(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes().data(), bytes().size()));
  const KeyContext context(EVP_MD_CTX_new());
  RequireKey(key != nullptr && context != nullptr);
  return EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
         EVP_DigestVerify(context.get(), signature.bytes().data(), signature.bytes().size(), message.data(),
                          message.size()) == 1;
}

SigningKey::SigningKey(std::shared_ptr<evp_pkey_st> key) : key_(std::move(key)) {
  std::array<uint8_t, PublicKey::kSizeBytes> raw;
  size_t size = raw.size();
  RequireKey(EVP_PKEY_get_raw_public_key(key_.get(), raw.data(), &size) == 1);
  const auto public_key = PublicKey::FromBytes({raw.data(), size});
  RequireKey(public_key.ok());
  public_key_ = *public_key;
}

SigningKey SigningKey::Generate() {
  auto key = OwnedKey(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  RequireKey(key != nullptr);
  return SigningKey(std::move(key));
}

absl::StatusOr<SigningKey> SigningKey::FromSeed(ByteView seed) {
  auto key = OwnedKey(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.data(), seed.size()));
  if (key == nullptr) return absl::InvalidArgumentError("a private key of Ed25519 has 32 bytes");
  return SigningKey(std::move(key));
}

absl::StatusOr<SigningKey> SigningKey::Read(const std::string& path) {
  SHOAL_ASSIGN_OR_RETURN(std::string pem, ReadFile(path, kMaxKeyFileBytes));
  const UniqueBio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  RequireKey(bio != nullptr);
  auto key = OwnedKey(PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassword, nullptr));
  OPENSSL_cleanse(pem.data(), pem.size());
  if (key == nullptr || EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_ED25519) {
    return WithCause(absl::InvalidArgumentError(absl::StrCat(
                         path, ": holds no private key of Ed25519 in PEM: make one with `shoal key FILE`")),
                     ErrorCause::kUsage);
  }
  return SigningKey(std::move(key));
}

absl::Status SigningKey::Write(const std::string& path) const {
  const UniqueBio bio(BIO_new(BIO_s_secmem()));
  RequireKey(bio != nullptr && PEM_write_bio_PKCS8PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0,
                                                             nullptr, nullptr) == 1);
  char* pem = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &pem);
  auto file = FileDescriptor::Open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
  if (absl::IsAlreadyExists(file.status())) {
    return WithCause(
        absl::AlreadyExistsError(absl::StrCat(path,
                                              ": exists, and a key is never overwritten: name another "
                                              "file, or remove this one if nobody trusts its key")),
        ErrorCause::kTargetExists);
  }
  if (!file.ok()) return file.status();
  absl::Status written =
      WriteAt(file->get(), {reinterpret_cast<const uint8_t*>(pem), static_cast<size_t>(size)}, 0);
  if (written.ok() && fsync(file->get()) != 0) written = ErrnoStatus(errno, "cannot sync");
  if (!written.ok()) unlink(path.c_str());
  return Annotate(path, written);
}

SignatureBytes SigningKey::Sign(ByteView message) const {
  const KeyContext context(EVP_MD_CTX_new());
  std::array<uint8_t, SignatureBytes::kSizeBytes> signature;
  size_t size = signature.size();
  RequireKey(context != nullptr &&
             EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) == 1 &&
             EVP_DigestSign(context.get(), signature.data(), &size, message.data(), message.size()) == 1 &&
             size == signature.size());
  return SignatureBytes(signature);
}

}  // namespace shoal
