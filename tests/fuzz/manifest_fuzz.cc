#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "shoal/content/manifest/content_path.h"
#include "shoal/content/manifest/manifest.h"

namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

// Every decoded manifest has exactly these bytes as its only encoding, and only paths that stay inside their
// folder.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const shoal::ByteView input(data, size);
  const absl::StatusOr<shoal::Manifest> manifest = shoal::Manifest::Decode(input);
  const shoal::ContentId id(shoal::Sha256::Of(input));
  Require(shoal::Manifest::DecodeAs(id, input).ok() == manifest.ok());
  if (!manifest.ok()) return 0;

  Require(manifest->Encode() == std::string(data, data + size));
  Require(manifest->id() == id);
  Require(shoal::CheckContentName(manifest->name()).ok());
  uint64_t length = 0;
  for (const shoal::FileEntry& file : manifest->files()) {
    Require(shoal::CheckContentPath(file.path).ok());
    length += file.length_bytes;
  }
  Require(length == manifest->length_bytes());
  for (uint32_t i = 0; i < manifest->chunk_count(); ++i) {
    const shoal::ChunkPlace place = manifest->PlaceOf(shoal::ChunkIndex(i));
    length -= place.length_bytes;
    Require(place.length_bytes > 0 && place.length_bytes <= manifest->chunk_size_bytes());
    Require(place.offset_bytes + place.length_bytes <= manifest->files()[place.file.value()].length_bytes);
  }
  Require(length == 0);  // the chunks are all of the content
  return 0;
}
