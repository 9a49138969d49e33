#pragma once

#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "clients/leecher/download/model/download_options.h"
#include "clients/leecher/download/model/download_status.h"
#include "clients/leecher/download/policy/wanted_files.h"
#include "clients/leecher/download/storage/disk_pipeline.h"
#include "shoal/content/store/chunk_store.h"
#include "shoal/content/store/early_sync.h"
#include "shoal/net/event_loop.h"

namespace shoal::leecher {

// What becomes of the store. Called on the download's loop.
class WantedStoreEvents {
 public:
  virtual void StoreOpened(const absl::Status& status) = 0;
  // It knows what is wanted now; an error leaves it as it was.
  virtual void StoreSelected(const absl::Status& status) = 0;
  virtual void StoreFinished(const absl::Status& status) = 0;

 protected:
  ~WantedStoreEvents() = default;
};

// The store of a download, and what is wanted of its content: opens it, tells it what is wanted whenever that
// changes, and finishes it, each on a thread of the disk's and one at a time. Which chunks are fetched in
// which order, and when all is done, is not its business. On the download's loop.
class WantedStore {
 public:
  // All outlive this.
  WantedStore(net::LoopScope& loop, DiskPipeline& disk, std::shared_ptr<SyncThread> sync_thread,
              const DownloadOptions& options, WantedStoreEvents* events);

  // INVALID_ARGUMENT, and nothing happens, when nothing is wanted. Otherwise StoreOpened follows.
  absl::Status Open(std::shared_ptr<const Manifest> manifest);
  // See Download::SetFilePriority. When that changes anything, StoreSelected follows, or StoreOpened when
  // the store is being opened.
  void SetFilePriority(FileIndex file, FilePriority priority);
  void SetFilePriority(const std::string& glob, FilePriority priority);
  // StoreFinished follows. Needs an open store that is not busy.
  void Finish();

  // Something is being done that an event follows.
  bool busy() const { return busy_; }
  bool is_open() const { return progress_.has_value(); }
  const std::shared_ptr<ChunkStore>& store() const { return store_; }  // null until it is open
  // Both need Open() to have been OK.
  const Manifest& manifest() const { return *manifest_; }
  const WantedFiles& wanted() const { return *wanted_; }

  // Needs is_open().
  void Gained(ChunkIndex chunk) { progress_->Gained(chunk); }
  // What a status says of files, wanted bytes and chunks, and what of these is here.
  void Report(DownloadStatus& status) const;

 private:
  void Changed();
  void Select();
  // The store was opened, or told what is wanted.
  void Settle(const absl::Status& status);

  net::LoopScope& loop_;
  DiskPipeline& disk_;
  const std::shared_ptr<SyncThread> sync_thread_;
  const DownloadOptions& options_;
  WantedStoreEvents* const events_;
  SelectionRules rules_;  // what is wanted, as long as there is no manifest
  std::shared_ptr<const Manifest> manifest_;
  std::optional<WantedFiles> wanted_;  // once there is one
  std::shared_ptr<ChunkStore> store_;
  std::optional<WantedProgress> progress_;
  bool opening_ = true;  // until StoreOpened was told
  bool busy_ = false;
  bool changed_ = false;  // wanted_ has, and the store does not know it yet
};

}  // namespace shoal::leecher
