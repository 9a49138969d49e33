#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "shoal/base/mutex.h"
#include "shoal/content/publish/chunk_source.h"

namespace shoal {

// A content of random bytes in an unnamed temporary file, for tests of the code that serves it: the file can
// be changed, and Open can be made to fail. Thread-safe.
class FileChunkSource final : public ChunkSource {
 public:
  static std::shared_ptr<FileChunkSource> Make(size_t length_bytes, uint32_t chunk_size_bytes,
                                               uint32_t seed = 1, const std::string& name = "random") {
    std::string bytes(length_bytes, '\0');
    std::mt19937_64 random(seed);
    for (size_t at = 0; at < bytes.size(); at += 8) {
      const uint64_t word = random();
      std::copy_n(reinterpret_cast<const char*>(&word), std::min<size_t>(8, bytes.size() - at), &bytes[at]);
    }
    std::vector<ChunkChecksums> checksums;
    for (size_t at = 0; at < bytes.size(); at += chunk_size_bytes) {
      const ByteView chunk =
          AsBytes(bytes).subspan(at, std::min<size_t>(chunk_size_bytes, bytes.size() - at));
      checksums.push_back({Crc32(chunk), Sha256::Of(chunk)});
    }
    absl::StatusOr<Manifest> manifest = Manifest::Create(
        Manifest::Kind::kFile, name, chunk_size_bytes,
        {{.path = name, .length_bytes = length_bytes, .executable = false}}, std::move(checksums));
    if (!manifest.ok()) std::abort();

    std::string path =
        (std::getenv("TMPDIR") != nullptr ? std::getenv("TMPDIR") : "/tmp") + std::string("/chunksXXXXXX");
    FileDescriptor file(::mkstemp(path.data()));
    if (!file.valid()) std::abort();
    ::unlink(path.c_str());
    for (size_t at = 0; at < bytes.size();) {
      const ssize_t count =
          ::pwrite(file.get(), bytes.data() + at, bytes.size() - at, static_cast<off_t>(at));
      if (count <= 0) std::abort();
      at += static_cast<size_t>(count);
    }
    return std::shared_ptr<FileChunkSource>(new FileChunkSource(
        std::make_shared<const Manifest>(*std::move(manifest)), std::move(file), std::move(bytes)));
  }

  // Returns the bytes that a receiver must get.
  ByteView BytesOf(ChunkIndex index) const {
    const ChunkPlace place = manifest_->PlaceOf(index);
    return AsBytes(bytes_).subspan(place.offset_bytes, place.length_bytes);
  }

  void Hold(ChunkSet held) {
    MutexLock lock(&mutex_);
    held_ = std::move(held);
  }
  // Makes Open of this chunk return `status` from now on.
  void FailToOpen(ChunkIndex index, absl::Status status) {
    MutexLock lock(&mutex_);
    failures_[index] = std::move(status);
  }
  // Changes one byte in the file, so that it no longer fits the manifest.
  void Corrupt(ChunkIndex index) {
    const ChunkPlace place = manifest_->PlaceOf(index);
    const auto other = static_cast<uint8_t>(~BytesOf(index)[0]);
    if (::pwrite(file_->get(), &other, 1, static_cast<off_t>(place.offset_bytes)) != 1) std::abort();
  }
  void Truncate(uint64_t length_bytes) {
    if (::ftruncate(file_->get(), static_cast<off_t>(length_bytes)) != 0) std::abort();
  }

  const std::shared_ptr<const Manifest>& manifest() const override { return manifest_; }
  ChunkSet Held() const override {
    MutexLock lock(&mutex_);
    return held_;
  }
  bool Holds(ChunkIndex index) const override {
    MutexLock lock(&mutex_);
    return held_.Contains(index);
  }
  absl::StatusOr<FileRegion> Open(ChunkIndex index) const override {
    MutexLock lock(&mutex_);
    if (const auto failure = failures_.find(index); failure != failures_.end()) return failure->second;
    const ChunkPlace place = manifest_->PlaceOf(index);
    return FileRegion{file_, place.offset_bytes, place.length_bytes};
  }

 private:
  FileChunkSource(std::shared_ptr<const Manifest> manifest, FileDescriptor file, std::string bytes)
      : manifest_(std::move(manifest)),
        file_(std::make_shared<const FileDescriptor>(std::move(file))),
        bytes_(std::move(bytes)),
        held_(ChunkSet::All(manifest_->chunk_count())) {}

  const std::shared_ptr<const Manifest> manifest_;
  const std::shared_ptr<const FileDescriptor> file_;
  const std::string bytes_;
  mutable Mutex mutex_;
  ChunkSet held_ ABSL_GUARDED_BY(mutex_);
  std::map<ChunkIndex, absl::Status> failures_ ABSL_GUARDED_BY(mutex_);
};

// The contents that a test serves. Thread-safe.
class TestDirectory final : public ContentDirectory {
 public:
  void Add(std::shared_ptr<const ChunkSource> source) {
    MutexLock lock(&mutex_);
    const ContentId id = source->manifest()->id();
    sources_[id] = std::move(source);
  }
  void Remove(const ContentId& id) {
    MutexLock lock(&mutex_);
    sources_.erase(id);
  }
  std::shared_ptr<const ChunkSource> Find(const ContentId& id) const override {
    MutexLock lock(&mutex_);
    const auto found = sources_.find(id);
    return found == sources_.end() ? nullptr : found->second;
  }

 private:
  mutable Mutex mutex_;
  std::map<ContentId, std::shared_ptr<const ChunkSource>> sources_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace shoal
