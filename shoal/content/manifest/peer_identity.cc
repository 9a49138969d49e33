#include "shoal/content/manifest/peer_identity.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "shoal/content/manifest/checksum.h"

namespace shoal {
namespace {

constexpr absl::string_view kPeerIdPurpose = "shoal peer id v1\n";

}  // namespace

PeerId PeerIdOf(const PeerSecret& secret) {
  std::array<uint8_t, kPeerIdPurpose.size() + PeerSecret::kSizeBytes> hashed;
  const auto behind = std::copy(kPeerIdPurpose.begin(), kPeerIdPurpose.end(), hashed.begin());
  std::copy(secret.bytes().begin(), secret.bytes().end(), behind);
  const Sha256Digest digest = Sha256::Of(hashed);
  std::array<uint8_t, PeerId::kSizeBytes> id;
  std::copy_n(digest.begin(), id.size(), id.begin());
  return PeerId(id);
}

PeerIdentity PeerIdentity::Random() {
  std::array<uint8_t, PeerSecret::kSizeBytes> bytes;
  FillRandom(bytes);
  return PeerIdentity(PeerSecret(bytes));
}

}  // namespace shoal
