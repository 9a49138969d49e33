// The control messages of the chunk stream. The first byte chooses which; what decodes must encode to
// something that decodes to the same, and must keep its bounds.

#include <cstdint>
#include <cstdlib>

#include "shoal/content/manifest/manifest.h"
#include "shoal/stream/wire/control.h"

namespace {

template <typename Message>
void Check(shoal::ByteView bytes) {
  const auto message = Message::Decode(bytes);
  if (!message.ok()) return;
  const std::string encoded = message->Encode();
  const auto again = Message::Decode(shoal::AsBytes(encoded));
  if (!again.ok() || again->Encode() != encoded) std::abort();
}

void CheckBounds(const std::vector<shoal::ChunkRange>& ranges) {
  if (ranges.size() > shoal::stream::kMaxRangesPerMessage) std::abort();
  for (const shoal::ChunkRange& range : ranges) {
    if (range.count == 0 || uint64_t{range.first.value()} + range.count > shoal::kMaxChunks) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const shoal::ByteView bytes(data + 1, size - 1);
  switch (data[0] % 7) {
    case 0:
      Check<shoal::stream::Hello>(bytes);
      break;
    case 1:
      Check<shoal::stream::Have>(bytes);
      if (const auto have = shoal::stream::Have::Decode(bytes); have.ok()) CheckBounds(have->gained);
      break;
    case 2:
      Check<shoal::stream::Request>(bytes);
      if (const auto request = shoal::stream::Request::Decode(bytes); request.ok())
        CheckBounds(request->chunks);
      break;
    case 3:
      Check<shoal::stream::Cancel>(bytes);
      break;
    case 4:
      Check<shoal::stream::Refuse>(bytes);
      break;
    case 5:
      Check<shoal::stream::ManifestRequest>(bytes);
      break;
    default:
      Check<shoal::stream::RequestAny>(bytes);
  }
  return 0;
}
