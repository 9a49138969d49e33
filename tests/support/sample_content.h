#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "shoal/base/byte_order.h"
#include "shoal/content/manifest/manifest.h"
#include "shoal/content/publish/chunk_hasher.h"

namespace shoal {

// A content that lies in memory: its manifest, and the bytes of each chunk.
class SampleContent {
 public:
  struct File {
    std::string path;
    std::string bytes;
    bool executable = false;
  };

  static SampleContent OfFile(const std::string& name, std::string bytes,
                              uint32_t chunk_size = kMinChunkSizeBytes) {
    std::vector<File> files;
    files.push_back({name, std::move(bytes), false});
    return SampleContent(Manifest::Kind::kFile, name, std::move(files), chunk_size);
  }
  // `files` in ascending order of path.
  static SampleContent OfFolder(const std::string& name, std::vector<File> files,
                                uint32_t chunk_size = kMinChunkSizeBytes) {
    return SampleContent(Manifest::Kind::kFolder, name, std::move(files), chunk_size);
  }

  const std::shared_ptr<const Manifest>& manifest() const { return manifest_; }
  uint32_t chunk_count() const { return manifest_->chunk_count(); }
  const std::vector<File>& files() const { return files_; }
  ByteView Chunk(uint32_t index) const {
    const ChunkPlace place = manifest_->PlaceOf(ChunkIndex(index));
    return AsBytes(files_[place.file.value()].bytes).subspan(place.offset_bytes, place.length_bytes);
  }

 private:
  SampleContent(Manifest::Kind kind, const std::string& name, std::vector<File> files, uint32_t chunk_size)
      : files_(std::move(files)) {
    std::vector<FileEntry> entries;
    std::vector<ChunkChecksums> checksums;
    for (const File& file : files_) {
      entries.push_back({file.path, file.bytes.size(), file.executable});
      for (size_t offset = 0; offset < file.bytes.size(); offset += chunk_size) {
        const size_t length = std::min<size_t>(chunk_size, file.bytes.size() - offset);
        checksums.push_back(ChecksumsOf(AsBytes(file.bytes).subspan(offset, length)));
      }
    }
    manifest_ = std::make_shared<const Manifest>(
        Manifest::Create(kind, name, chunk_size, std::move(entries), std::move(checksums)).value());
  }

  std::vector<File> files_;
  std::shared_ptr<const Manifest> manifest_;
};

}  // namespace shoal
