#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "clients/leecher/download/model/download_options.h"
#include "clients/leecher/download/model/download_status.h"
#include "clients/leecher/download/policy/wanted_files.h"
#include "clients/leecher/download/storage/disk_pipeline.h"
#include "shoal/content/manifest/file_selection.h"
#include "shoal/content/store/chunk_store.h"
#include "shoal/content/store/close_watch.h"
#include "shoal/content/store/early_sync.h"
#include "shoal/net/event_loop.h"

namespace shoal::leecher {

// Receives the results of store operations. Called on the download's loop.
class WantedStoreEvents {
 public:
  virtual void StoreOpened(const absl::Status& status) = 0;
  // The store has the new selection; an error leaves it unchanged.
  virtual void StoreSelected(const absl::Status& status) = 0;
  // ABORTED: another program damaged chunks, which are no longer held; they must be fetched again before the
  // next Finish.
  virtual void StoreFinished(const absl::Status& status) = 0;
  virtual void StoreDiscarded(const absl::Status& status) = 0;
  // Something that people should know and that is no error.
  virtual void StoreWarned(const std::string& warning) = 0;

 protected:
  ~WantedStoreEvents() = default;
};

// The store of a download, and the selection of wanted files: opens the store, passes every change of the
// selection to it, and finishes it, each on a disk thread and one at a time. It does not decide the order of
// chunks, nor when the download is complete. Used on the download's loop.
class WantedStore {
 public:
  // All outlive this.
  WantedStore(net::LoopScope& loop, DiskPipeline& disk, std::shared_ptr<SyncThread> sync_thread,
              std::shared_ptr<CloseWatch> close_watch, const DownloadOptions& options,
              WantedStoreEvents* events);
  // Closes the store, which those who serve it may hold for longer.
  ~WantedStore();

  // Errors: INVALID_ARGUMENT (no effect) when no file is wanted. Otherwise StoreOpened follows.
  absl::Status Open(std::shared_ptr<const Manifest> manifest);
  // See Download::SetFilePriority. If that changes anything, StoreSelected follows, or StoreOpened if the
  // store is being opened.
  void SetFilePriority(FileIndex file, FilePriority priority);
  void SetFilePriority(const std::string& glob, FilePriority priority);
  // Sets the files that readers read. The store allocates space for those of them that are skipped; their
  // priority stays kSkip. If this changes the selection, StoreSelected follows; if the disk has no room for
  // them, StoreWarned precedes it. Requires: the store is open.
  void SetRead(const std::vector<FileIndex>& files);
  // StoreFinished follows. Requires: the store is open and not busy.
  void Finish();
  // See ChunkStore::Discard. StoreDiscarded follows. Requires: the store is open and not busy.
  void Discard();

  // Returns whether an operation is in progress; an event will follow.
  bool busy() const { return busy_; }
  bool is_open() const { return progress_.has_value(); }
  const std::shared_ptr<ChunkStore>& store() const { return store_; }  // null until it is open
  // Both require: Open() returned OK.
  const Manifest& manifest() const { return *manifest_; }
  const WantedFiles& wanted() const { return *wanted_; }
  // Returns whether there was no room for this file when it was last given to SetRead.
  bool Refuses(FileIndex file) const;
  // Returns whether a skipped file is read. The store can't be finished then.
  bool reads_skipped() const;
  // Returns whether the store has room for the file, so that its chunks can be put. Requires: is_open().
  bool Takes(FileIndex file) const { return taken_.Wants(file); }

  // Requires: is_open().
  void Gained(ChunkIndex chunk) { progress_->Gained(chunk); }
  // Fills in the figures of files and of wanted and held bytes and chunks.
  void Report(DownloadStatus& status) const;

 private:
  void Changed();
  void Select();
  // The wanted files, and those that are read.
  FileSelection Selection() const;
  // Which empty folders and links are wanted, by the rules of the selection.
  ContentEntries::Wants WantsEntry() const;
  // The store was opened, or has the new selection.
  void Settle(const absl::Status& status);

  net::LoopScope& loop_;
  DiskPipeline& disk_;
  const std::shared_ptr<SyncThread> sync_thread_;
  const std::shared_ptr<CloseWatch> close_watch_;
  const DownloadOptions& options_;
  WantedStoreEvents* const events_;
  SelectionRules rules_;
  std::shared_ptr<const Manifest> manifest_;
  std::optional<WantedFiles> wanted_;  // once there is one
  std::shared_ptr<ChunkStore> store_;
  std::optional<WantedProgress> progress_;
  bool opening_ = true;  // until StoreOpened was called
  bool busy_ = false;
  bool changed_ = false;            // wanted_ or read_ differs from the store's selection
  std::vector<FileIndex> read_;     // the skipped ones
  std::vector<FileIndex> refused_;  // of those
  FileSelection asked_;             // what the operation in progress selects
  FileSelection taken_;             // what the store has selected
};

}  // namespace shoal::leecher
