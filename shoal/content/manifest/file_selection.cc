#include "shoal/content/manifest/file_selection.h"

namespace shoal {

void FileSelection::Set(FileIndex file, bool wanted) {
  if (wanted_[file.value()] == wanted) return;
  wanted_[file.value()] = wanted;
  count_ += wanted ? 1 : -1;
}

ChunkSet FileSelection::ChunksOf(const Manifest& manifest) const {
  if (all()) return ChunkSet::All(manifest.chunk_count());
  ChunkSet chunks(manifest.chunk_count());
  for (uint32_t file = 0; file < wanted_.size(); ++file) {
    if (!wanted_[file]) continue;
    const auto [first, end] = manifest.ChunksOf(FileIndex(file));
    for (uint32_t chunk = first.value(); chunk < end.value(); ++chunk) chunks.Insert(ChunkIndex(chunk));
  }
  return chunks;
}

uint64_t FileSelection::BytesOf(const Manifest& manifest) const {
  uint64_t bytes = 0;
  for (uint32_t file = 0; file < wanted_.size(); ++file) {
    if (wanted_[file]) bytes += manifest.files()[file].length_bytes;
  }
  return bytes;
}

}  // namespace shoal
