#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "shoal/content/manifest/checksum.h"
#include "shoal/content/publish/hashed_content.h"

namespace {

// Every decoded record has exactly these bytes as its only encoding, and a stamp for each file.
void Check(shoal::ByteView input) {
  const auto entry = shoal::HashedContent::Decode(input);
  if (!entry.ok()) return;
  if (entry->Encode() != std::string(input.begin(), input.end())) std::abort();
  if (entry->stamps.size() != entry->manifest.files().size()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const shoal::ByteView input(data, size);
  Check(input);
  // The checksum rejects nearly all wrong bytes before the decoder sees them: decode again with the right
  // one.
  if (size >= sizeof(shoal::Sha256Digest)) {
    std::string mended(data, data + size - sizeof(shoal::Sha256Digest));
    const shoal::Sha256Digest digest = shoal::Sha256::Of(shoal::AsBytes(mended));
    mended.append(reinterpret_cast<const char*>(digest.data()), digest.size());
    Check(shoal::AsBytes(mended));
  }
  return 0;
}
