#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"
#include "shoal/base/byte_order.h"
#include "shoal/content/manifest/manifest.h"

namespace shoal::stream {

// Every message of the chunk stream is a frame: this header, then `length_bytes` bytes. All integers
// big-endian:
//
//    0  u8   type
//    1  u8   flags, zero; a receiver ignores bits that it does not know
//    2  u16  reserved, zero
//    4  u32  length_bytes of what follows
//    8  u32  index: the chunk (kChunk) or the slice (kManifest); zero otherwise
//   12  u32  crc32 of what follows
//
// A frame whose type is unknown is skipped by its length. docs/wire_format.md, "Chunk stream".
enum class FrameType : uint8_t {
  kHello = 1,            // both ways, first: control message Hello
  kHave = 2,             // control message Have
  kRequest = 3,          // control message Request
  kCancel = 4,           // control message Cancel
  kRefuse = 5,           // control message Refuse
  kManifestRequest = 6,  // control message ManifestRequest
  kManifest = 7,         // raw: one slice of the canonical manifest
  kChunk = 8,            // raw: the bytes of one chunk
  kPing = 9,             // empty; a keepalive, so that the peer's idle timeout does not expire; no answer
  kRequestAny = 10,      // control message RequestAny
  kNothingFresh = 11,    // empty; the credits of RequestAny that are left are void
};

inline constexpr size_t kFrameHeaderBytes = 16;
inline constexpr uint32_t kMaxControlBytes = 1024 * 1024;
// The first frame comes from an unknown peer: room for the chunk set of kMaxChunks chunks and a ticket, no
// more.
inline constexpr uint32_t kMaxHelloBytes = 256 * 1024;
inline constexpr uint32_t kManifestSliceBytes = 256 * 1024;
inline constexpr uint32_t kMaxFrameBytes = kMaxChunkSizeBytes;

struct FrameHeader {
  FrameType type = FrameType::kPing;
  uint32_t length_bytes = 0;
  uint32_t index = 0;
  uint32_t crc32 = 0;

  std::array<uint8_t, kFrameHeaderBytes> Encode() const;
  // INVALID_ARGUMENT when the length is not one that the type may have (unknown types: kMaxFrameBytes at
  // most).
  static absl::StatusOr<FrameHeader> Decode(std::span<const uint8_t, kFrameHeaderBytes> bytes);
  // Whether this build knows the type.
  bool known() const;

  friend bool operator==(const FrameHeader&, const FrameHeader&) = default;
};

}  // namespace shoal::stream
