// A frame's header: what decodes stays within its bounds and is the same after another trip.

#include <cstdint>
#include <cstdlib>

#include "shoal/stream/wire/frame.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using shoal::stream::FrameHeader;
  if (size < shoal::stream::kFrameHeaderBytes) return 0;
  const auto header = shoal::stream::FrameHeader::Decode(
      std::span<const uint8_t, shoal::stream::kFrameHeaderBytes>(data, shoal::stream::kFrameHeaderBytes));
  if (!header.ok()) return 0;
  if (header->length_bytes > shoal::stream::kMaxFrameBytes) std::abort();
  const auto again = shoal::stream::FrameHeader::Decode(header->Encode());
  if (!again.ok() || *again != *header) std::abort();
  return 0;
}
