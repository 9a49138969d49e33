#include "shoal/tracking/tickets/ticket.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "shoal/base/status_macros.h"

namespace shoal::tracking {
namespace {

constexpr absl::string_view kMagic = "shoal ticket v2\n";
constexpr int64_t kMaxUnixSeconds = 253402300799;  // the end of the year 9999

// All of an encoded ticket but its signature.
std::string SignedBytes(const Ticket& ticket) {
  std::string bytes(kMagic);
  bytes += ticket.issuer.ToString();
  bytes += ticket.content.ToString();
  bytes.append(ticket.name_digest.begin(), ticket.name_digest.end());
  bytes += ticket.peer.ToString();
  AppendBig(static_cast<uint64_t>(absl::ToUnixSeconds(ticket.expiry)), &bytes);
  return bytes;
}

}  // namespace

Ticket Ticket::Make(const SigningKey& key, const ContentId& content, absl::string_view name,
                    const PeerId& peer, absl::Time expiry) {
  Ticket made;
  made.issuer = key.public_key();
  made.content = content;
  made.name_digest = NameDigest(name);
  made.peer = peer;
  made.expiry = absl::FromUnixSeconds(std::clamp(absl::ToUnixSeconds(expiry), int64_t{0}, kMaxUnixSeconds));
  made.signature = key.Sign(AsBytes(SignedBytes(made)));
  return made;
}

Sha256Digest Ticket::NameDigest(absl::string_view name) {
  return Sha256::Of(AsBytes(std::string(name)));
}

std::string Ticket::Encode() const {
  return SignedBytes(*this) + signature.ToString();
}

absl::StatusOr<Ticket> Ticket::Decode(ByteView bytes) {
  if (bytes.size() != kEncodedBytes) return absl::InvalidArgumentError("no ticket has this length");
  ByteReader reader(bytes);
  const ByteView magic = reader.ReadBytes(kMagic.size());
  if (!std::equal(magic.begin(), magic.end(), kMagic.begin(), kMagic.end())) {
    return absl::InvalidArgumentError("the bytes are no ticket of a version that is known here");
  }
  Ticket ticket;
  SHOAL_ASSIGN_OR_RETURN(ticket.issuer, PublicKey::FromBytes(reader.ReadBytes(PublicKey::kSizeBytes)));
  SHOAL_ASSIGN_OR_RETURN(ticket.content, ContentId::FromBytes(reader.ReadBytes(ContentId::kSizeBytes)));
  const ByteView name_digest = reader.ReadBytes(ticket.name_digest.size());
  std::copy(name_digest.begin(), name_digest.end(), ticket.name_digest.begin());
  SHOAL_ASSIGN_OR_RETURN(ticket.peer, PeerId::FromBytes(reader.ReadBytes(PeerId::kSizeBytes)));
  const auto expiry = reader.ReadBig<uint64_t>();
  if (expiry > static_cast<uint64_t>(kMaxUnixSeconds)) {
    return absl::InvalidArgumentError("a ticket that expires after the year 9999");
  }
  ticket.expiry = absl::FromUnixSeconds(static_cast<int64_t>(expiry));
  SHOAL_ASSIGN_OR_RETURN(ticket.signature,
                         SignatureBytes::FromBytes(reader.ReadBytes(SignatureBytes::kSizeBytes)));
  return ticket;
}

bool Ticket::Verifies() const {
  return issuer.Verify(AsBytes(SignedBytes(*this)), signature);
}

}  // namespace shoal::tracking
