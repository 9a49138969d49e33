#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "shoal/base/byte_order.h"
#include "shoal/content/manifest/ids.h"

// OpenSSL's type for keys.
struct evp_pkey_st;

namespace shoal {

// A public key of Ed25519 (RFC 8032): who a publisher is. An immutable value. A default-constructed one is
// all zero, which verifies nothing.
//
// Not responsible for whether the key is trusted: see TrustedKeys.
class PublicKey {
 public:
  static constexpr size_t kSizeBytes = 32;

  PublicKey() = default;
  // Errors: INVALID_ARGUMENT unless `bytes` has exactly 32 bytes, not all of them zero.
  static absl::StatusOr<PublicKey> FromBytes(ByteView bytes);
  // Reads the text that ToText makes; the "=" at its end may be missing. Errors: INVALID_ARGUMENT, with what
  // a key looks like.
  static absl::StatusOr<PublicKey> Parse(absl::string_view text);

  const std::array<uint8_t, kSizeBytes>& bytes() const { return bytes_; }
  std::string ToString() const { return {reinterpret_cast<const char*>(bytes_.data()), kSizeBytes}; }  // raw
  // "ed25519:" and the key in base64: 52 characters.
  std::string ToText() const;
  bool is_zero() const { return *this == PublicKey(); }

  // Returns: whether `signature` is the one of the owner of this key over `message`.
  // Thread safety: thread-safe.
  bool Verify(ByteView message, const SignatureBytes& signature) const;

  friend auto operator<=>(const PublicKey&, const PublicKey&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const PublicKey& key) {
    return H::combine(std::move(h), key.bytes_);
  }

 private:
  std::array<uint8_t, kSizeBytes> bytes_{};
};

// A private key of Ed25519, with its public one. It is never printed. Copies share it.
//
// On disk it is a PEM file ("BEGIN PRIVATE KEY", PKCS #8, RFC 8410) without a password, which
// `openssl genpkey -algorithm ed25519` makes as well.
//
// Thread safety: Sign is thread-safe.
class SigningKey {
 public:
  // Draws a new key from the system's random source.
  static SigningKey Generate();
  // The key of a seed of 32 bytes, which RFC 8032 calls the private key. Errors: INVALID_ARGUMENT for
  // another number of bytes.
  static absl::StatusOr<SigningKey> FromSeed(ByteView seed);
  // Reads the PEM file at `path`. Errors: as ReadFile; INVALID_ARGUMENT (kUsage) when it holds another kind
  // of key, none, or one with a password.
  static absl::StatusOr<SigningKey> Read(const std::string& path);
  // Writes the PEM file, readable by its owner alone, and syncs it. Errors: ALREADY_EXISTS (kTargetExists)
  // when something is there, since a key that is overwritten is lost; others from errno, with the path.
  absl::Status Write(const std::string& path) const;

  SignatureBytes Sign(ByteView message) const;
  const PublicKey& public_key() const { return public_key_; }

 private:
  explicit SigningKey(std::shared_ptr<evp_pkey_st> key);

  std::shared_ptr<evp_pkey_st> key_;  // never null but in a moved-from object
  PublicKey public_key_;
};

}  // namespace shoal
