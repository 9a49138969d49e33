#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "shoal/content/manifest/chunk_set.h"
#include "shoal/content/manifest/ids.h"
#include "shoal/content/manifest/manifest.h"

namespace shoal {

// Which files of a content are wanted; the others are skipped. A value; one thread. It knows nothing of
// priorities or patterns: those decide what is put into it.
class FileSelection {
 public:
  FileSelection() = default;
  static FileSelection All(const Manifest& manifest) { return FileSelection(manifest, /*wanted=*/true); }
  static FileSelection None(const Manifest& manifest) { return FileSelection(manifest, /*wanted=*/false); }

  // Both need file < size().
  bool Wants(FileIndex file) const { return wanted_[file.value()]; }
  void Set(FileIndex file, bool wanted);

  size_t size() const { return wanted_.size(); }  // files of the content
  size_t count() const { return count_; }         // of which are wanted
  bool all() const { return count_ == wanted_.size(); }

  // The chunks and the bytes of the wanted files. `manifest` is the one that this was made for.
  ChunkSet ChunksOf(const Manifest& manifest) const;
  uint64_t BytesOf(const Manifest& manifest) const;

  friend bool operator==(const FileSelection&, const FileSelection&) = default;

 private:
  FileSelection(const Manifest& manifest, bool wanted)
      : wanted_(manifest.files().size(), wanted), count_(wanted ? wanted_.size() : 0) {}

  std::vector<bool> wanted_;
  size_t count_ = 0;
};

}  // namespace shoal
