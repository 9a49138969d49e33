#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "shoal/content/manifest/chunk_set.h"

namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

// The first two bytes are the content's number of chunks, which the decoder knows from elsewhere. Whatever
// decodes is a set that comes back from its own encoding, from its runs and from its elements.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const uint32_t chunks = shoal::LoadBig<uint16_t>(data);
  const absl::StatusOr<shoal::ChunkSet> set =
      shoal::ChunkSet::Decode(chunks, shoal::ByteView(data, size).subspan(2));
  if (!set.ok()) return 0;

  const std::string encoded = set->Encode();
  Require(encoded.size() <= 1 + (chunks + 7) / 8);
  const absl::StatusOr<shoal::ChunkSet> again = shoal::ChunkSet::Decode(chunks, shoal::AsBytes(encoded));
  Require(again.ok() && *again == *set);

  shoal::ChunkSet from_runs(chunks);
  Require(from_runs.InsertRanges(set->Ranges()).ok() && from_runs == *set);
  shoal::ChunkSet from_elements(chunks);
  set->ForEach([&](shoal::ChunkIndex index) { Require(from_elements.Insert(index)); });
  Require(from_elements == *set);
  return 0;
}
