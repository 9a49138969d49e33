#include "shoal/content/store/chunk_store.h"

#include <sys/stat.h>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "shoal/base/clock.h"
#include "shoal/base/mutex.h"
#include "shoal/base/status_macros.h"
#include "shoal/content/manifest/checksum.h"
#include "shoal/content/publish/chunk_verifier.h"
#include "shoal/content/publish/folder_source.h"
#include "shoal/content/store/chunk_journal.h"
#include "shoal/content/store/data_files.h"
#include "shoal/content/store/earlier_run.h"

namespace shoal {
namespace {

// So long after a chunk was served others are taken to be wanted.
constexpr absl::Duration kAskedLately = absl::Seconds(30);

uint64_t BytesOf(const Manifest& manifest, const ChunkSet& chunks) {
  uint64_t bytes = 0;
  chunks.ForEach([&](ChunkIndex index) { bytes += manifest.PlaceOf(index).length_bytes; });
  return bytes;
}

bool Exists(const std::string& path) {
  struct stat info;
  return lstat(path.c_str(), &info) == 0;
}

// 0 when there is nothing.
uint64_t InodeOf(const std::string& path) {
  struct stat info;
  return lstat(path.c_str(), &info) == 0 ? info.st_ino : 0;
}

}  // namespace

// Either a download in progress (data_ and journal_), or a content under its final name (whole_).
class ChunkStore::Impl {
 public:
  Impl(std::shared_ptr<const Manifest> manifest, const Options& options)
      : manifest_(std::move(manifest)),
        output_folder_(options.output_folder.empty() ? "." : options.output_folder),
        target_path_(absl::StrCat(output_folder_, "/", manifest_->name())),
        names_(*manifest_),
        sync_thread_(options.sync_thread),
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
  // Uses the content under the final name; ALREADY_EXISTS if its bytes differ.
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
  const std::shared_ptr<SyncThread> sync_thread_;
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

// --- Opening: what an earlier run left, or what else is in the place

absl::Status ChunkStore::Impl::Open(bool verify_all) {
  const absl::Duration began = Clock::Real().Uptime();
  {
    MutexLock lock(&mutex_);
    SHOAL_RETURN_IF_ERROR(CheckSelection(selection_));
    Want(selection_);
  }
  SHOAL_RETURN_IF_ERROR(OpenWhatIsThere(verify_all));
  MutexLock lock(&mutex_);
  Want(selection_);
  ChunkSet resumed = held_;
  resumed.KeepOnly(wanted_);
  resumed_bytes_ = BytesOf(*manifest_, resumed);
  opening_took_ = Clock::Real().Uptime() - began;
  return absl::OkStatus();
}

absl::Status ChunkStore::Impl::OpenWhatIsThere(bool verify_all) {
  const bool target_exists = Exists(target_path_);
  const bool folder = manifest_->kind() == Manifest::Kind::kFolder;
  // With its journal beside it, it may be a folder that an earlier run brought some files of.
  if (target_exists && !(folder && Exists(JournalPath()))) {
    SHOAL_RETURN_IF_ERROR(UseTarget());
    RemoveLeftovers();
    return absl::OkStatus();
  }
  std::error_code error;
  std::filesystem::create_directories(output_folder_, error);
  if (error) return ErrnoStatus(error.value(), absl::StrCat("cannot make the folder ", output_folder_));
  return OpenDownload(verify_all, target_exists);
}

absl::Status ChunkStore::Impl::UseTarget() {
  MutexLock lock(&mutex_);
  whole_ = FindWhole(manifest_, output_folder_, selection_);
  if (whole_ != nullptr) {
    held_ = wanted_;
    return absl::OkStatus();
  }
  return absl::AlreadyExistsError(absl::StrCat(target_path_, " is there already and is not the content ",
                                               manifest_->id().ShortHex(),
                                               "; move it away or choose another output folder"));
}

// Removes temporary files left by a run that ended between its last two steps, or left unused because the
// content arrived another way. A process that has them locked keeps them. Nothing depends on the removal, so
// errors are ignored.
void ChunkStore::Impl::RemoveLeftovers() {
  if (!Exists(JournalPath())) return;
  absl::StatusOr<ChunkJournal> journal = ChunkJournal::Open(JournalPath());
  if (journal.ok() && DataFiles::Discard(output_folder_, names_.data).ok()) (void)journal->Remove();
}

absl::Status ChunkStore::Impl::OpenDownload(bool verify_all, bool target_exists) {
  SHOAL_ASSIGN_OR_RETURN(ChunkJournal journal, ChunkJournal::Open(JournalPath()));
  SHOAL_ASSIGN_OR_RETURN(const std::optional<JournalContents> earlier,
                         journal.Load(manifest_->id(), manifest_->chunk_count()));
  // The journal describes the folder under the final name only if it names that folder's inode.
  if (target_exists && !(earlier && earlier->header.data_fingerprint == InodeOf(target_path_))) {
    SHOAL_RETURN_IF_ERROR(UseTarget());
    if (DataFiles::Discard(output_folder_, names_.data).ok()) (void)journal.Remove();
    return absl::OkStatus();
  }
  // Without a journal the content of the data files is unknown.
  if (!earlier) SHOAL_RETURN_IF_ERROR(DataFiles::Discard(output_folder_, names_.data));
  SHOAL_ASSIGN_OR_RETURN(const absl::Time last_noted, journal.LastWritten());

  MutexLock lock(&mutex_);
  absl::StatusOr<std::unique_ptr<DataFiles>> data = DataFiles::Open(
      manifest_, {output_folder_, names_.data, manifest_->name(), target_exists}, sync_thread_);
  absl::Status status = data.status();
  if (status.ok()) {
    data_ = *std::move(data);
    journal_header_ = {manifest_->id(), manifest_->chunk_count(), data_->fingerprint(), CurrentBootId()};
    if (earlier) {
      // A killed process leaves all that it wrote to the kernel. After a power cut, though, a record may be
      // on the disk while the chunk it speaks of is not.
      const bool in_order = !verify_all && earlier->header == journal_header_ &&
                            journal_header_.boot_id != JournalHeader().boot_id;
      held_ = StillThere(*manifest_, earlier->noted, *data_, in_order, last_noted);
    }
    // Before anything is made: a file that is made now has its full length, but nothing in it.
    status = journal.Begin(journal_header_, held_);
  }
  if (status.ok() && target_exists) status = CheckFinalFiles();
  if (status.ok()) status = data_->MakeRoom(selection_);
  if (!status.ok()) {
    // Nothing that was there before is touched.
    if (data_ != nullptr && data_->is_new()) (void)DataFiles::Discard(output_folder_, names_.data);
    if (!earlier) (void)journal.Remove();
    return status;
  }
  journal_ = std::move(journal);
  return absl::OkStatus();
}

absl::Status ChunkStore::Impl::CheckFinalFiles() const {
  const FileSelection whole = WholeFiles();
  for (uint32_t i = 0; i < manifest_->files().size(); ++i) {
    const FileIndex file(i);
    if (!selection_.Wants(file) || !data_->IsFinal(file) || whole.Wants(file)) continue;
    return absl::AlreadyExistsError(absl::StrCat(target_path_, "/", manifest_->files()[i].path,
                                                 " is not the file any more that was downloaded; move it away"
                                                 " or choose another output folder"));
  }
  return absl::OkStatus();
}

// --- Selecting, writing, finishing

absl::Status ChunkStore::Impl::CheckSelection(const FileSelection& selection) const {
  if (selection.size() != manifest_->files().size())
    return absl::InvalidArgumentError("a selection of another content's files");
  if (selection.count() == 0) return absl::InvalidArgumentError("no file of the content is selected");
  return absl::OkStatus();
}

void ChunkStore::Impl::Want(const FileSelection& selection) {
  selection_ = selection;
  wanted_ = selection_.ChunksOf(*manifest_);
  ever_wanted_.Add(wanted_);
  ChunkSet missing = wanted_;
  missing.Remove(held_);
  missing_ = missing.count();
}

absl::Status ChunkStore::Impl::Select(const FileSelection& selection) {
  SHOAL_RETURN_IF_ERROR(CheckSelection(selection));
  const auto too_late = [] { return absl::FailedPreconditionError("the download is finished"); };
  {
    MutexLock lock(&mutex_);
    if (finishing_ || whole_ != nullptr) return too_late();
  }
  SHOAL_RETURN_IF_ERROR(data_->MakeRoom(selection));
  MutexLock lock(&mutex_);
  if (finishing_ || whole_ != nullptr) return too_late();
  Want(selection);
  return absl::OkStatus();
}

std::vector<absl::StatusOr<ChunkStore::PutResult>> ChunkStore::Impl::PutAll(
    std::span<const Arrival> arrivals) {
  const std::vector<bool> right = AreRight(*manifest_, arrivals);
  std::vector<absl::StatusOr<PutResult>> results;
  results.reserve(arrivals.size());
  for (size_t i = 0; i < arrivals.size(); ++i) {
    if (arrivals[i].index.value() >= manifest_->chunk_count()) {
      results.push_back(absl::InvalidArgumentError("the content has no such chunk"));
    } else if (right[i]) {
      results.push_back(Write(arrivals[i]));
    } else {
      results.push_back(PutResult::kCorrupt);
    }
  }
  Note(arrivals, results);
  return results;
}

absl::StatusOr<ChunkStore::PutResult> ChunkStore::Impl::Write(const Arrival& arrival) {
  if (const std::optional<PutResult> nothing_to_do = BeginWrite(arrival.index)) return *nothing_to_do;
  const absl::Status written = data_->Write(arrival.index, arrival.bytes, WillBeReread());
  if (written.ok()) return PutResult::kStored;
  EndWrites(1);
  return written;
}

// While no peer requests chunks, new ones need not evict other data from the page cache (and allocating pages
// for them costs more than the copy: docs/adr/0011). When a peer does, it lacks the chunks that just
// arrived.
DataFiles::Rereading ChunkStore::Impl::WillBeReread() const {
  const int64_t idle_ns =
      absl::ToInt64Nanoseconds(Clock::Real().Uptime()) - last_asked_ns_.load(std::memory_order_relaxed);
  return idle_ns < absl::ToInt64Nanoseconds(kAskedLately) ? DataFiles::Rereading::kLikely
                                                          : DataFiles::Rereading::kUnlikely;
}

std::optional<ChunkStore::PutResult> ChunkStore::Impl::BeginWrite(ChunkIndex index) {
  MutexLock lock(&mutex_);
  if (finishing_ || held_.Contains(index)) return PutResult::kAlreadyHeld;
  if (!ever_wanted_.Contains(index) || whole_ != nullptr) return PutResult::kNotWanted;
  ++writers_;
  return std::nullopt;
}

void ChunkStore::Impl::EndWrites(unsigned count) {
  MutexLock lock(&mutex_);
  writers_ -= count;
  if (writers_ == 0) no_writers_.NotifyAll();
}

void ChunkStore::Impl::Note(std::span<const Arrival> arrivals,
                            std::vector<absl::StatusOr<PutResult>>& results) {
  std::vector<ChunkIndex> stored;
  unsigned writers = 0;
  absl::Status noted;
  {
    MutexLock lock(&mutex_);
    for (size_t i = 0; i < arrivals.size(); ++i) {
      if (!results[i].ok() || *results[i] != PutResult::kStored) continue;
      ++writers;
      const ChunkIndex index = arrivals[i].index;
      if (held_.Insert(index)) {
        stored.push_back(index);
      } else {
        results[i] = PutResult::kAlreadyHeld;  // another brought the same bytes
      }
    }
    if (!stored.empty()) noted = journal_->Append(stored);
    for (const ChunkIndex index : stored) {
      if (!noted.ok()) {
        held_.Erase(index);
      } else if (wanted_.Contains(index)) {
        --missing_;
      }
    }
  }
  if (!noted.ok()) {
    for (absl::StatusOr<PutResult>& result : results) {
      if (result.ok() && *result == PutResult::kStored) result = noted;
    }
  }
  if (writers > 0) EndWrites(writers);
}

absl::Status ChunkStore::Impl::Finish() {
  FileSelection kept;
  {
    MutexLock lock(&mutex_);
    if (whole_ != nullptr) return absl::OkStatus();
    if (missing_ > 0) return absl::FailedPreconditionError("chunks are missing still");
    if (finishing_) return absl::FailedPreconditionError("another thread is finishing this download");
    finishing_ = true;
    // The second copy of a chunk may be being written still. It is the same bytes, but the file's time must
    // stand.
    while (writers_ > 0) no_writers_.Wait(&mutex_);
    kept = WholeFiles();
    // The other files go.
    held_.KeepOnly(kept.ChunksOf(*manifest_));
  }
  absl::StatusOr<std::vector<FileStamp>> stamps = data_->Seal(kept);
  absl::Status status = stamps.status();
  if (status.ok()) status = data_->TakeFinalName();
  MutexLock lock(&mutex_);
  finishing_ = false;
  SHOAL_RETURN_IF_ERROR(status);
  whole_ = std::make_shared<const FolderSource>(manifest_, RootOfWhole(*manifest_, output_folder_),
                                                *std::move(stamps));
  // Only now that the disk has the new name: until then the journal is what a next run would go by.
  return EndJournal(kept);
}

// The wanted files, and files that were complete before they were deselected.
FileSelection ChunkStore::Impl::WholeFiles() const {
  FileSelection whole = FileSelection::None(*manifest_);
  for (uint32_t i = 0; i < manifest_->files().size(); ++i) {
    const auto [first, end] = manifest_->ChunksOf(FileIndex(i));
    bool all = first != end || selection_.Wants(FileIndex(i));
    for (uint32_t chunk = first.value(); all && chunk < end.value(); ++chunk) {
      all = held_.Contains(ChunkIndex(chunk));
    }
    whole.Set(FileIndex(i), all);
  }
  return whole;
}

absl::Status ChunkStore::Impl::EndJournal(const FileSelection& kept) {
  absl::Status status;
  if (kept.all()) {
    status = journal_->Remove();
  } else {
    // Written anew: files that moved were touched after the last record.
    status = journal_->Begin(journal_header_, held_);
  }
  journal_.reset();
  return status;
}

absl::StatusOr<FileRegion> ChunkStore::Impl::Open(ChunkIndex index) const {
  std::shared_ptr<const FolderSource> whole;
  {
    MutexLock lock(&mutex_);
    if (index.value() >= held_.size() || !held_.Contains(index))
      return absl::NotFoundError("the chunk is not held");
    whole = whole_;
  }
  if (whole != nullptr) return whole->Open(index);
  last_asked_ns_.store(absl::ToInt64Nanoseconds(Clock::Real().Uptime()), std::memory_order_relaxed);
  return data_->Region(index);
}

ChunkStore::ChunkStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ChunkStore::~ChunkStore() = default;

absl::StatusOr<std::shared_ptr<ChunkStore>> ChunkStore::Open(std::shared_ptr<const Manifest> manifest,
                                                             const Options& options) {
  auto impl = std::make_unique<Impl>(std::move(manifest), options);
  SHOAL_RETURN_IF_ERROR(impl->Open(options.verify_all));
  return std::shared_ptr<ChunkStore>(new ChunkStore(std::move(impl)));
}

absl::StatusOr<ChunkStore::PutResult> ChunkStore::Put(ChunkIndex index, ByteView bytes) {
  const Arrival arrival{index, bytes, Crc32(bytes)};
  return impl_->PutAll({&arrival, 1})[0];
}
std::vector<absl::StatusOr<ChunkStore::PutResult>> ChunkStore::PutAll(std::span<const Arrival> arrivals) {
  return impl_->PutAll(arrivals);
}
absl::Status ChunkStore::Select(const FileSelection& selection) {
  return impl_->Select(selection);
}
absl::Status ChunkStore::Finish() {
  return impl_->Finish();
}
absl::StatusOr<FileRegion> ChunkStore::Open(ChunkIndex index) const {
  return impl_->Open(index);
}
bool ChunkStore::whole() const {
  return impl_->whole();
}
ChunkSet ChunkStore::Held() const {
  return impl_->Held();
}
bool ChunkStore::Holds(ChunkIndex index) const {
  return impl_->Holds(index);
}
const std::shared_ptr<const Manifest>& ChunkStore::manifest() const {
  return impl_->manifest();
}
const std::string& ChunkStore::target_path() const {
  return impl_->target_path();
}
uint64_t ChunkStore::resumed_bytes() const {
  return impl_->resumed_bytes();
}
absl::Duration ChunkStore::opening_took() const {
  return impl_->opening_took();
}

}  // namespace shoal
