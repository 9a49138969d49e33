#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "services/seeder/folder/entry_scan.h"
#include "shoal/base/mutex.h"
#include "shoal/content/manifest/manifest.h"
#include "shoal/content/publish/chunk_source.h"
#include "shoal/content/publish/folder_source.h"
#include "shoal/content/publish/manifest_builder.h"

namespace shoal::seeder {

class OfferedSource;

// Receives the events of the shared folder's entries. An entry is a name directly in the shared folder.
//
// Thread safety: all calls but OnHashing come from one thread (the shared folder's), in order. No call may
// take long.
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
  // A problem is over that was reported with this message: it is solved, another one took its place, or the
  // entry is gone.
  virtual void OnProblemOver(const std::string& entry, const std::string& message) = 0;
  // The published version of a folder does not have these entries. Called when the list changes; it is empty
  // for an entry that is gone.
  virtual void OnLeftOut(const std::string& entry, const std::vector<LeftOut>& left_out) = 0;
  // All entries present at the start are published, or reported as a problem. Called once.
  virtual void OnFirstScanDone(size_t contents) = 0;
};

// A published content: its files, a count of the bytes opened, and a callback to the owner when a chunk can't
// be read or differs from the one that was hashed. inotify reports neither a failing disk nor changes on
// network file systems and through mapped memory; the callback is how the owner learns of those.
//
// Thread safety: thread-safe.
class OfferedSource final : public ChunkSource {
 public:
  // Receives the cause. Called at most once, from any thread.
  using StaleCallback = std::function<void(const absl::Status& why)>;

  OfferedSource(std::shared_ptr<const HashedVersion> version, StaleCallback on_stale);

  const std::shared_ptr<const Manifest>& manifest() const override { return manifest_; }
  ChunkSet Held() const override { return ChunkSet::All(manifest_->chunk_count()); }
  bool Holds(ChunkIndex) const override { return true; }
  size_t left_out_count() const override { return left_out_; }
  // Errors: as ChunkSource. Every error but RESOURCE_EXHAUSTED makes the source stale.
  absl::StatusOr<FileRegion> Open(ChunkIndex index) const override;

  // Makes the source stale: a chunk that Open returned could not be read.
  void NoteFailure(const absl::Status& why) const;

  // Continues with the stamps of `version`, whose bytes were found to be the same.
  // Requires: `version` is of the same content.
  void Renew(std::shared_ptr<const HashedVersion> version);

  // Bytes of all chunks that were opened to be sent.
  uint64_t opened_bytes() const { return opened_bytes_.load(std::memory_order_relaxed); }

 private:
  std::shared_ptr<const FolderSource> files() const;

  const std::shared_ptr<const Manifest> manifest_;
  const size_t left_out_;
  const StaleCallback on_stale_;
  mutable Mutex mutex_;
  std::shared_ptr<const FolderSource> files_ ABSL_GUARDED_BY(mutex_);
  mutable std::atomic<uint64_t> opened_bytes_ = 0;
  mutable std::atomic<bool> stale_ = false;
};

// The published version of each entry, by entry and by content id. Only Compare accesses the disk.
//
// Thread safety: Find and NoteFailure are thread-safe; all other methods belong to one owner.
class Catalog final : public ContentDirectory {
 public:
  // `listener` must outlive the owner's last call here.
  explicit Catalog(CatalogListener* listener) : listener_(listener) {}

  std::shared_ptr<const ChunkSource> Find(const ContentId& id) const override;
  // Makes the source of the content stale: a chunk could not be read while it was sent.
  void NoteFailure(const ContentId& id, const absl::Status& why) const;

  // Publishes a version of `entry` in place of the current one. If both are the same content, the current
  // source continues with the new stamps and the listener is not notified. `on_stale`: see OfferedSource.
  void Publish(const std::string& entry, BuiltManifest built, bool from_cache,
               OfferedSource::StaleCallback on_stale);
  // Returns: false if `entry` was not published.
  bool Withdraw(const std::string& entry, const std::string& why);

  // Returns: the published version of `entry`; null if there is none.
  std::shared_ptr<const HashedVersion> VersionOf(const std::string& entry) const;
  // Returns: how the file (or the first file below the folder) at `path` within the entry compares with the
  // published version: kSame if it is not part of it, kOther if it is gone. `path` is empty for the entry
  // itself. Costs one stat.
  FileStamp::Comparison Compare(const std::string& entry, const std::string& path) const;

  size_t size() const { return published_.size(); }
  std::vector<std::string> entries() const;

 private:
  struct Published {
    std::shared_ptr<OfferedSource> source;
    std::shared_ptr<const HashedVersion> version;
  };

  CatalogListener* const listener_;
  absl::flat_hash_map<std::string, Published> published_;  // by entry
  mutable Mutex mutex_;
  absl::flat_hash_map<ContentId, std::shared_ptr<const OfferedSource>> by_id_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace shoal::seeder
