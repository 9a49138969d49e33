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

// Notified of events of the shared folder's entries. All calls but OnHashing come from one thread (the shared
// folder's), in order; none may block for long. An entry is a name directly in the shared folder.
class CatalogListener {
 public:
  virtual ~CatalogListener() = default;

  // `from_cache`: the entry was hashed in an earlier run.
  virtual void OnPublished(const std::shared_ptr<const OfferedSource>& source, bool from_cache) = 0;
  // No longer offered: changed or gone. A new version causes another OnPublished.
  virtual void OnWithdrawn(const std::shared_ptr<const Manifest>& manifest, const std::string& why) = 0;
  // From a hashing thread, a few times a second at most.
  virtual void OnHashing(const std::string& entry, uint64_t done_bytes, uint64_t total_bytes) = 0;
  // An entry can't be offered (`entry` empty: the folder as a whole, or the cache). Called once per entry and
  // cause.
  virtual void OnProblem(const std::string& entry, const absl::Status& why) = 0;
  // All entries present at the start are published, or reported as a problem. Called once.
  virtual void OnFirstScanDone(size_t contents) = 0;
};

// A published content: its files, a count of the bytes opened, and a callback to the owner when a file
// differs from the one that was hashed (inotify does not report changes on network file systems and through
// mapped memory). Thread-safe.
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

// The published version of each entry, by entry and by content id. Only FileChanged accesses the disk.
//
// Thread safety: Find is thread-safe; all other methods belong to one owner.
class Catalog final : public ContentDirectory {
 public:
  // `listener` must outlive the owner's last call here.
  explicit Catalog(CatalogListener* listener) : listener_(listener) {}

  std::shared_ptr<const ChunkSource> Find(const ContentId& id) const override;

  // Offers a version of `entry` in place of the current one. If that is the same content from the same files,
  // it stays and the listener is not notified. `on_stale`: see OfferedSource.
  void Publish(const std::string& entry, BuiltManifest built, bool from_cache,
               std::function<void()> on_stale);
  // False when it was not published.
  bool Withdraw(const std::string& entry, const std::string& why);

  // The EntryScan fingerprint of the published version's files; null when there is none.
  const Sha256Digest* FingerprintFor(const std::string& entry) const;
  // Whether the file (or a file below the folder) at `path` within the entry belongs to the published version
  // and has changed. `path` is empty for the entry itself.
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
