#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "shoal/base/mutex.h"
#include "shoal/content/publish/folder_source.h"
#include "shoal/content/store/chunk_journal.h"
#include "shoal/content/store/chunk_store.h"
#include "shoal/content/store/data_files.h"
#include "shoal/content/store/download_names.h"

namespace shoal {

// What stands behind a ChunkStore; for its two source files alone. Threads as there. Either a download under
// way (data_ and journal_), or a content under its final name (whole_).
class ChunkStore::Impl {
 public:
  Impl(std::shared_ptr<const Manifest> manifest, const Options& options)
      : manifest_(std::move(manifest)),
        output_folder_(options.output_folder.empty() ? "." : options.output_folder),
        target_path_(absl::StrCat(output_folder_, "/", manifest_->name())),
        names_(*manifest_),
        selection_(options.selection.value_or(FileSelection::All(*manifest_))),
        ever_wanted_(manifest_->chunk_count()),
        held_(manifest_->chunk_count()) {}

  absl::Status Open(bool verify_all);
  absl::Status Select(const FileSelection& selection);
  std::vector<absl::StatusOr<PutResult>> PutAll(std::span<const Arrival> arrivals);
  absl::Status Finish();
  absl::StatusOr<FileRegion> Open(ChunkIndex index) const;

  ChunkSet Held() const {
    MutexLock lock(&mutex_);
    return held_;
  }
  bool Holds(ChunkIndex index) const {
    MutexLock lock(&mutex_);
    return index.value() < held_.size() && held_.Contains(index);
  }
  bool whole() const {
    MutexLock lock(&mutex_);
    return missing_ == 0;
  }
  const std::shared_ptr<const Manifest>& manifest() const { return manifest_; }
  const std::string& target_path() const { return target_path_; }
  uint64_t resumed_bytes() const { return resumed_bytes_; }
  absl::Duration opening_took() const { return opening_took_; }

 private:
  // kStored when it was written and is yet to be noted.
  absl::StatusOr<PutResult> Write(const Arrival& arrival);
  // What was written counts as held from now on, and the journal says so.
  void Note(std::span<const Arrival> arrivals, std::vector<absl::StatusOr<PutResult>>& results);
  absl::Status CheckSelection(const FileSelection& selection) const;
  absl::Status OpenWhatIsThere(bool verify_all);
  absl::Status OpenDownload(bool verify_all, bool target_exists);
  // What lies under the final name is a download of its own, or somebody else's.
  absl::Status UseTarget();
  void RemoveLeftovers();
  void Want(const FileSelection& selection) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Counts a writer in, unless there is nothing for it to do.
  std::optional<PutResult> BeginWrite(ChunkIndex index);
  DataFiles::Rereading WillBeReread() const;
  void EndWrites(unsigned count);
  FileSelection WholeFiles() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // ALREADY_EXISTS when a wanted file that had its final name already is not whole there any more.
  absl::Status CheckFinalFiles() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status EndJournal(const FileSelection& kept) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  std::string JournalPath() const { return absl::StrCat(output_folder_, "/", names_.journal); }

  const std::shared_ptr<const Manifest> manifest_;
  const std::string output_folder_;
  const std::string target_path_;
  const DownloadNames names_;
  uint64_t resumed_bytes_ = 0;
  absl::Duration opening_took_;
  std::unique_ptr<DataFiles> data_;  // set once, in Open, and kept: regions of it may still be asked for

  mutable std::atomic<int64_t> last_asked_ns_{INT64_MIN / 2};  // by Clock::Uptime: a chunk, to be served

  mutable Mutex mutex_;
  CondVar no_writers_;
  FileSelection selection_ ABSL_GUARDED_BY(mutex_);
  ChunkSet wanted_ ABSL_GUARDED_BY(mutex_);       // the chunks of selection_
  ChunkSet ever_wanted_ ABSL_GUARDED_BY(mutex_);  // of all selections so far: there is room for them
  ChunkSet held_ ABSL_GUARDED_BY(mutex_);
  uint32_t missing_ ABSL_GUARDED_BY(mutex_) = 0;  // of wanted_
  unsigned writers_ ABSL_GUARDED_BY(mutex_) = 0;
  bool finishing_ ABSL_GUARDED_BY(mutex_) = false;
  JournalHeader journal_header_ ABSL_GUARDED_BY(mutex_);
  std::optional<ChunkJournal> journal_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<const FolderSource> whole_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace shoal
