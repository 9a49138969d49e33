#pragma once

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "shoal/base/byte_order.h"
#include "shoal/content/manifest/checksum.h"
#include "shoal/content/manifest/ids.h"
#include "shoal/content/manifest/signing_key.h"

namespace shoal::tracking {

// A tracker's statement that a peer may fetch a content until a time: an Ed25519 signature over the bytes
// that docs/wire_format.md, "Tickets", defines. The name under which the tracker knows the content is signed
// as well: the tracker admits by names, and can't check that a content has the name that was registered. The
// peer that serves it can, by the manifest. It is a bearer token: anyone who presents it together with
// its peer id can use it. Send it only to the peer that is to serve the content.
//
// Not responsible for whether the issuer is to be believed: see TicketVerifier.
//
// Thread safety: a value.
struct Ticket {
  static constexpr size_t kEncodedBytes = 16 + PublicKey::kSizeBytes + ContentId::kSizeBytes +
                                          sizeof(Sha256Digest) + PeerId::kSizeBytes + 8 +
                                          SignatureBytes::kSizeBytes;

  PublicKey issuer;
  ContentId content;
  Sha256Digest name_digest{};  // NameDigest of the content's name
  PeerId peer;
  absl::Time expiry;  // in whole seconds, from 1970 to 9999
  SignatureBytes signature;

  // `expiry` is rounded down. Takes some 50 us.
  static Ticket Make(const SigningKey& key, const ContentId& content, absl::string_view name,
                     const PeerId& peer, absl::Time expiry);

  static Sha256Digest NameDigest(absl::string_view name);

  // kEncodedBytes bytes.
  std::string Encode() const;
  // Errors: INVALID_ARGUMENT for what Encode does not write. The signature is not verified.
  static absl::StatusOr<Ticket> Decode(ByteView bytes);

  // Whether the owner of the key `issuer` signed it. Takes some 0.15 ms.
  bool Verifies() const;

  friend bool operator==(const Ticket&, const Ticket&) = default;
};

}  // namespace shoal::tracking
