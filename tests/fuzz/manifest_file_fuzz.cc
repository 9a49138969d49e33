#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "shoal/content/manifest/checksum.h"
#include "shoal/content/manifest/manifest_file.h"

namespace {

// Whatever decodes has exactly these bytes as its one encoding.
void Check(shoal::ByteView input) {
  const absl::StatusOr<shoal::ManifestFile> file = shoal::ManifestFile::Decode(input);
  if (file.ok() && file->Encode() != std::string(input.begin(), input.end())) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Check({data, size});
  // The checksum turns away nearly all that is wrong before the decoder sees it: so once more with the right
  // one.
  if (size >= sizeof(uint32_t)) {
    std::string mended(data, data + size - sizeof(uint32_t));
    shoal::AppendBig(shoal::Crc32(shoal::AsBytes(mended)), &mended);
    Check(shoal::AsBytes(mended));
  }
  return 0;
}
