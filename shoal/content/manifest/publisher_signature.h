#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "shoal/base/byte_order.h"
#include "shoal/content/manifest/ids.h"
#include "shoal/content/manifest/signing_key.h"

namespace shoal {

// A publisher's signed statement: "I published this content under this name at this time". It is an Ed25519
// signature over the bytes that docs/wire_format.md, "Signatures", defines. The content id covers every byte
// of the content; the name is signed as well, because a tracker lists a content under a name that it can't
// check; the time orders the versions of a name.
//
// It proves nothing about whether the publisher is to be trusted: see TrustedKeys.
//
// Thread safety: a value.
struct PublisherSignature {
  static constexpr size_t kEncodedBytes = 32 + 8 + 64;

  PublicKey key;
  absl::Time time;  // in whole milliseconds, from 1970 to 9999
  SignatureBytes signature;

  static PublisherSignature Make(const SigningKey& key, const ContentId& content, const std::string& name,
                                 absl::Time now);
  // Returns whether `signature` is valid: the owner of `key` signed this content, this name and `time`.
  bool Verifies(const ContentId& content, const std::string& name) const;

  // The key, the time and the signature, in kEncodedBytes, as files keep them.
  void AppendTo(std::string* bytes) const;
  // Reads what AppendTo wrote. Errors: INVALID_ARGUMENT for a key or time that can't be, or when too few
  // bytes are left. It is not verified.
  static absl::StatusOr<PublisherSignature> Read(ByteReader* reader);

  friend bool operator==(const PublisherSignature&, const PublisherSignature&) = default;
};

// The public keys of the publishers that a user or an operator trusts. None: every publisher is trusted.
//
// Thread safety: a value; immutable ones may be shared.
class TrustedKeys {
 public:
  static constexpr size_t kMaxKeys = 1000;

  // A key a line; empty lines, and what follows a '#', are ignored. Errors: INVALID_ARGUMENT with the line
  // for what is no key; for no key at all, or more than kMaxKeys.
  static absl::StatusOr<TrustedKeys> ParseFile(absl::string_view text);
  // Each word is a key as text, or else the path of a file for ParseFile. Errors: INVALID_ARGUMENT (kUsage)
  // with the word; those of ReadFile.
  static absl::StatusOr<TrustedKeys> FromWords(const std::vector<std::string>& words);

  // Errors: INVALID_ARGUMENT when there are kMaxKeys already.
  absl::Status Add(const PublicKey& key);
  bool empty() const { return keys_.empty(); }
  const std::set<PublicKey>& keys() const { return keys_; }

  // Returns the newest of `signatures` that verifies for this content and name and whose key is trusted; null
  // if there is none. The result points into `signatures`.
  const PublisherSignature* Newest(const std::vector<PublisherSignature>& signatures,
                                   const ContentId& content, const std::string& name) const;

  friend bool operator==(const TrustedKeys&, const TrustedKeys&) = default;

 private:
  std::set<PublicKey> keys_;
};

// Returns the error (PERMISSION_DENIED, kUntrusted) for a content that no trusted publisher signed, with what
// to do about it. `signers`: the signatures that the content has.
absl::Status UntrustedContent(absl::string_view what, const std::vector<PublisherSignature>& signers);

}  // namespace shoal
