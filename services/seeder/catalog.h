#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "shoal/base/mutex.h"
#include "shoal/content/manifest/checksum.h"
#include "shoal/content/manifest/manifest.h"
#include "shoal/content/publish/chunk_source.h"
#include "shoal/content/publish/folder_source.h"
#include "shoal/content/publish/manifest_builder.h"

namespace shoal::seeder {

class OfferedSource;

// Told what happens to the entries of the shared folder. All calls but OnHashing come from one thread (the
// shared folder's), in order; none may block for long. An entry is a name directly in the shared folder.
class CatalogListener {
 public:
  virtual ~CatalogListener() = default;

  // `from_cache`: it had been hashed in an earlier run.
  virtual void OnPublished(const std::shared_ptr<const OfferedSource>& source, bool from_cache) = 0;
  // No longer offered: it changed, or is gone. A new version comes with an OnPublished of its own.
  virtual void OnWithdrawn(const std::shared_ptr<const Manifest>& manifest, const std::string& why) = 0;
  // From a hashing thread, a few times a second at most.
  virtual void OnHashing(const std::string& entry, uint64_t done_bytes, uint64_t total_bytes) = 0;
  // An entry that can't be offered (`entry` empty: the folder as a whole, or the cache). Told once per entry
  // and cause.
  virtual void OnProblem(const std::string& entry, const absl::Status& why) = 0;
  // Everything that lay in the folder at the start is published, or known to be a problem. Once.
  virtual void OnFirstScanDone(size_t contents) = 0;
};

// A published content: the files, how much of them was asked for, and a word to the owner when one of them
// turns out to be another than the one that was hashed (which inotify does not tell of network file systems
// and mapped memory). Thread-safe.
class OfferedSource final : public ChunkSource {
 public:
  // `on_stale` is called at most once, from any thread.
  OfferedSource(BuiltManifest built, std::function<void()> on_stale);

  const std::shared_ptr<const Manifest>& manifest() const override { return files_.manifest(); }
  ChunkSet Held() const override { return files_.Held(); }
  bool Holds(ChunkIndex index) const override { return files_.Holds(index); }
  absl::StatusOr<FileRegion> Open(ChunkIndex index) const override;

  // Bytes of all chunks that were opened to be sent.
  uint64_t opened_bytes() const { return opened_bytes_.load(std::memory_order_relaxed); }

 private:
  const FolderSource files_;
  const std::function<void()> on_stale_;
  mutable std::atomic<uint64_t> opened_bytes_ = 0;
  mutable std::atomic<bool> stale_ = false;
};

// What is offered right now: the published version of each entry, by entry and by content id. It does not
// look at the disk by itself, but for FileChanged.
//
// Find is thread-safe; everything else is its one owner's.
class Catalog final : public ContentDirectory {
 public:
  // `listener` must outlive the owner's last call here.
  explicit Catalog(CatalogListener* listener) : listener_(listener) {}

  std::shared_ptr<const ChunkSource> Find(const ContentId& id) const override;

  // Offers a version of `entry`, in the place of the one that is offered now. When that is the same content
  // out of the same files, it stays and the listener hears nothing. `on_stale`: see OfferedSource.
  void Publish(const std::string& entry, BuiltManifest built, bool from_cache,
               std::function<void()> on_stale);
  // False when it was not published.
  bool Withdraw(const std::string& entry, const std::string& why);

  // What EntryScan sees as long as the files are those of the published version; null when there is none.
  const Sha256Digest* FingerprintFor(const std::string& entry) const;
  // Whether the file (or a file below the folder) at `path` within the entry belongs to the published version
  // and is not what it was. `path` is empty for the entry itself.
  bool FileChanged(const std::string& entry, const std::string& path) const;

  size_t size() const { return published_.size(); }
  std::vector<std::string> entries() const;

 private:
  struct Published {
    std::shared_ptr<const OfferedSource> source;
    Sha256Digest fingerprint;
    std::string root;
    std::vector<FileStamp> stamps;
  };

  CatalogListener* const listener_;
  absl::flat_hash_map<std::string, Published> published_;  // by entry
  mutable Mutex mutex_;
  absl::flat_hash_map<ContentId, std::shared_ptr<const OfferedSource>> by_id_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace shoal::seeder
