#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "shoal/base/byte_order.h"
#include "shoal/base/strong_index.h"

namespace shoal {

// The index of a chunk in its content, and of a file in its manifest; both count from 0.
using ChunkIndex = StrongIndex<struct ChunkIndexTag, uint32_t>;
using FileIndex = StrongIndex<struct FileIndexTag, uint32_t>;

// An id of `kSize` raw bytes, shown as lower-case hex. An immutable value. A default-constructed one is all
// zero, which no real id is.
template <typename Tag, size_t kSize>
class ByteId {
 public:
  static constexpr size_t kSizeBytes = kSize;

  constexpr ByteId() = default;
  constexpr explicit ByteId(const std::array<uint8_t, kSize>& bytes) : bytes_(bytes) {}

  // Errors: INVALID_ARGUMENT unless `bytes` has exactly kSize bytes.
  static absl::StatusOr<ByteId> FromBytes(ByteView bytes);
  static absl::StatusOr<ByteId> FromBytes(const std::string& bytes) { return FromBytes(AsBytes(bytes)); }
  // Errors: INVALID_ARGUMENT unless `hex` is exactly 2 * kSize hex digits, upper or lower case.
  static absl::StatusOr<ByteId> FromHex(absl::string_view hex);

  const std::array<uint8_t, kSize>& bytes() const { return bytes_; }
  std::string ToString() const { return {reinterpret_cast<const char*>(bytes_.data()), kSize}; }  // raw bytes
  std::string ToHex() const;
  // The first 12 digits: for people to tell contents apart; programs need all of them.
  std::string ShortHex() const { return ToHex().substr(0, 12); }
  bool is_zero() const { return *this == ByteId(); }

  friend constexpr auto operator<=>(const ByteId&, const ByteId&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const ByteId& id) {
    return H::combine(std::move(h), id.bytes_);
  }

 private:
  std::array<uint8_t, kSize> bytes_{};
};

// The SHA-256 over a manifest's canonical bytes: the key of a content everywhere.
using ContentId = ByteId<struct ContentIdTag, 32>;
// Identifies a peer. A process derives a new one at each start from a random PeerSecret: see peer_identity.h,
// which also says who may register with the id.
using PeerId = ByteId<struct PeerIdTag, 16>;
// 32 random bytes by which a process proves to a tracker that it owns a peer id. Anyone who knows the secret
// can act as that peer: send it to trackers only, and never show or log it.
using PeerSecret = ByteId<struct PeerSecretTag, 32>;
// Identifies a swarm of BitTorrent clients (BEP 3); a tracker has such swarms beside its own.
using InfoHash = ByteId<struct InfoHashTag, 20>;
// A signature of Ed25519 (RFC 8032).
using SignatureBytes = ByteId<struct SignatureBytesTag, 64>;

extern template class ByteId<struct ContentIdTag, 32>;
extern template class ByteId<struct PeerIdTag, 16>;
extern template class ByteId<struct PeerSecretTag, 32>;
extern template class ByteId<struct InfoHashTag, 20>;
extern template class ByteId<struct SignatureBytesTag, 64>;

// Fills `bytes` from the system's random source. Thread safety: thread-safe.
void FillRandom(std::span<uint8_t> bytes);
// Returns a random id that no PeerSecret belongs to, for peers that do not register with a tracker. Thread
// safety: thread-safe.
PeerId RandomPeerId();

}  // namespace shoal
