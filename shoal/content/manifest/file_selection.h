#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "shoal/content/manifest/chunk_set.h"
#include "shoal/content/manifest/ids.h"
#include "shoal/content/manifest/manifest.h"

namespace shoal {

// The files of a content that are wanted; all others are skipped. It does not know priorities or patterns:
// its caller derives the selection from those. It keeps no reference to the manifest; pass the same one to
// each call.
//
// Thread safety: a value; one thread at a time, or immutable.
class FileSelection {
 public:
  FileSelection() = default;
  static FileSelection All(const Manifest& manifest) { return FileSelection(manifest, /*wanted=*/true); }
  static FileSelection None(const Manifest& manifest) { return FileSelection(manifest, /*wanted=*/false); }

  // Requires: file < size().
  bool Wants(FileIndex file) const { return wanted_[file.value()]; }
  // Requires: file < size().
  void Set(FileIndex file, bool wanted) {
    if (wanted_[file.value()] == wanted) return;
    wanted_[file.value()] = wanted;
    count_ += wanted ? 1 : -1;
  }

  size_t size() const { return wanted_.size(); }  // files of the content
  size_t count() const { return count_; }         // wanted files
  bool all() const { return count_ == wanted_.size(); }

  // Returns: the chunks of the wanted files.
  ChunkSet ChunksOf(const Manifest& manifest) const {
    if (all()) return ChunkSet::All(manifest.chunk_count());
    ChunkSet chunks(manifest.chunk_count());
    for (uint32_t file = 0; file < wanted_.size(); ++file) {
      if (!wanted_[file]) continue;
      const auto [first, end] = manifest.ChunksOf(FileIndex(file));
      for (uint32_t chunk = first.value(); chunk < end.value(); ++chunk) chunks.Insert(ChunkIndex(chunk));
    }
    return chunks;
  }

  // Returns: the length of the wanted files together.
  uint64_t BytesOf(const Manifest& manifest) const {
    uint64_t bytes = 0;
    for (uint32_t file = 0; file < wanted_.size(); ++file) {
      if (wanted_[file]) bytes += manifest.files()[file].length_bytes;
    }
    return bytes;
  }

  friend bool operator==(const FileSelection&, const FileSelection&) = default;

 private:
  FileSelection(const Manifest& manifest, bool wanted)
      : wanted_(manifest.files().size(), wanted), count_(wanted ? wanted_.size() : 0) {}

  std::vector<bool> wanted_;
  size_t count_ = 0;
};

}  // namespace shoal
