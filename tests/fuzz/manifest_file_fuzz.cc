#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "shoal/content/manifest/checksum.h"
#include "shoal/content/manifest/manifest_file.h"

namespace {

// Every decoded file has exactly these bytes as its only encoding.
void Check(shoal::ByteView input) {
  const absl::StatusOr<shoal::ManifestFile> file = shoal::ManifestFile::Decode(input);
  if (file.ok() && file->Encode() != std::string(input.begin(), input.end())) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Check({data, size});
  // The checksum rejects nearly all wrong bytes before the decoder sees them: decode again with the right
  // one.
  if (size >= sizeof(uint32_t)) {
    std::string mended(data, data + size - sizeof(uint32_t));
    shoal::AppendBig(shoal::Crc32(shoal::AsBytes(mended)), &mended);
    Check(shoal::AsBytes(mended));
  }
  return 0;
}
