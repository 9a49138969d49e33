#include "shoal/stream/wire/frame.h"

#include "absl/strings/str_cat.h"

namespace shoal::stream {
namespace {

struct LengthLimits {
  uint32_t min_bytes;
  uint32_t max_bytes;
};

LengthLimits LimitsOf(FrameType type) {
  switch (type) {
    case FrameType::kHello:
      return {1, kMaxHelloBytes};
    case FrameType::kHave:
    case FrameType::kRequest:
    case FrameType::kCancel:
    case FrameType::kRefuse:
    case FrameType::kManifestRequest:
    case FrameType::kRequestAny:
      return {0, kMaxControlBytes};
    case FrameType::kManifest:
      return {1, kManifestSliceBytes};
    case FrameType::kChunk:
      return {1, kMaxChunkSizeBytes};
    case FrameType::kPing:
    case FrameType::kNothingFresh:
      return {0, 0};
  }
  return {0, kMaxFrameBytes};
}

}  // namespace

std::array<uint8_t, kFrameHeaderBytes> FrameHeader::Encode() const {
  std::array<uint8_t, kFrameHeaderBytes> bytes{};
  bytes[0] = static_cast<uint8_t>(type);
  StoreBig(length_bytes, &bytes[4]);
  StoreBig(index, &bytes[8]);
  StoreBig(crc32, &bytes[12]);
  return bytes;
}

absl::StatusOr<FrameHeader> FrameHeader::Decode(std::span<const uint8_t, kFrameHeaderBytes> bytes) {
  FrameHeader header;
  header.type = static_cast<FrameType>(bytes[0]);
  header.length_bytes = LoadBig<uint32_t>(&bytes[4]);
  header.index = LoadBig<uint32_t>(&bytes[8]);
  header.crc32 = LoadBig<uint32_t>(&bytes[12]);
  const LengthLimits limits = LimitsOf(header.type);
  if (header.length_bytes < limits.min_bytes || header.length_bytes > limits.max_bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("a frame of type ", bytes[0], " can't be ", header.length_bytes, " bytes long"));
  }
  return header;
}

bool FrameHeader::known() const {
  return type >= FrameType::kHello && type <= FrameType::kNothingFresh;
}

}  // namespace shoal::stream
