#include "shoal/content/store/chunk_store.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "shoal/base/clock.h"
#include "shoal/base/file_io.h"
#include "shoal/base/mutex.h"
#include "shoal/base/status_macros.h"
#include "shoal/content/manifest/checksum.h"
#include "shoal/content/publish/chunk_verifier.h"
#include "shoal/content/publish/folder_source.h"
#include "shoal/content/publish/open_below.h"
#include "shoal/content/publish/worker_threads.h"
#include "shoal/content/store/chunk_journal.h"
#include "shoal/content/store/data_files.h"
#include "shoal/content/store/earlier_run.h"

namespace shoal {
namespace {

// After a chunk was served, other chunks are expected to be requested for this long.
constexpr absl::Duration kAskedLately = absl::Seconds(30);

// Files that another program keeps touching without damage are checked this often.
constexpr int kMaxRechecks = 3;
// After Finish found damaged chunks this often it gives up.
constexpr int kMaxDamages = 5;

uint64_t BytesOf(const Manifest& manifest, const ChunkSet& chunks) {
  uint64_t bytes = 0;
  chunks.ForEach([&](ChunkIndex index) { bytes += manifest.PlaceOf(index).length_bytes; });
  return bytes;
}

bool Exists(const std::string& path) {
  struct stat info;
  return lstat(path.c_str(), &info) == 0;
}

// Without slashes at its end, so that paths below it have one each.
std::string FolderFor(std::string folder) {
  while (folder.size() > 1 && folder.back() == '/') folder.pop_back();
  return folder.empty() ? "." : folder;
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
        output_folder_(FolderFor(options.output_folder)),
        final_name_(manifest_->kind() == Manifest::Kind::kFile && !options.file_name.empty()
                        ? options.file_name
                        : manifest_->name()),
        target_path_(absl::StrCat(output_folder_, "/", final_name_)),
        names_(*manifest_),
        sync_thread_(options.sync_thread),
        close_watch_(options.close_watch),
        repair_(options.repair),
        file_system_(std::make_shared<const TargetFileSystem>(output_folder_, options.file_system,
                                                              options.on_warning)),
        selection_(options.selection.value_or(FileSelection::All(*manifest_))),
        wants_entry_(options.wants_entry),
        ever_wanted_(manifest_->chunk_count()),
        held_(manifest_->chunk_count()) {}

  absl::Status Open(bool verify_all);
  absl::Status Select(const FileSelection& selection, ContentEntries::Wants wants_entry);
  std::vector<absl::StatusOr<PutResult>> PutAll(std::span<const Arrival> arrivals);
  absl::Status Finish();
  absl::Status Discard();
  void Close() {
    MutexLock lock(&mutex_);
    finishing_ = true;
    journal_.reset();
  }
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
  // Returns: kStored when the chunk was written and has no record yet.
  absl::StatusOr<PutResult> Write(const Arrival& arrival);
  // Records the written chunks in the journal and counts them as held.
  void Note(std::span<const Arrival> arrivals, std::vector<absl::StatusOr<PutResult>>& results);
  absl::Status CheckSelection(const FileSelection& selection) const;
  absl::Status OpenWhatIsThere(bool verify_all);
  absl::Status OpenDownload(bool verify_all, bool target_exists);
  // Uses the content under the final name. Errors: ALREADY_EXISTS if its bytes differ.
  absl::Status UseTarget();
  // Reads the files to be repaired, keeps those that are complete, and returns their valid chunks.
  ChunkSet FindValidOldChunks() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Puts those of `chunks` that are not held, from the files to be repaired.
  absl::Status CopyOldChunks(ChunkSet chunks);
  void RemoveLeftovers();
  // wants_entry_, or what its default means.
  ContentEntries::Wants WantedEntries() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Checks, or creates, the entries of a content whose files have their final names.
  enum class Action { kCheck, kMake };
  absl::Status EntriesOfWhole(Action action) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Want(const FileSelection& selection) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool TakesChunks() const {
    MutexLock lock(&mutex_);
    return whole_ == nullptr && !finishing_;
  }
  // Registers a writer. Returns: a result if nothing is to be written.
  std::optional<PutResult> BeginWrite(ChunkIndex index);
  DataFiles::Rereading WillBeReread() const;
  void EndWrites(unsigned count);
  FileSelection WholeFiles() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Errors: ALREADY_EXISTS when a wanted file under its final name is no longer complete.
  absl::Status CheckFinalFiles() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // DataFiles::Seal, until no file is touched that was not checked.
  absl::StatusOr<std::vector<FileStamp>> Seal(const FileSelection& kept,
                                              const ContentEntries::Wants& wants_entry);
  // Errors: as Finish.
  absl::Status CheckTouched(const std::vector<FileIndex>& files);
  absl::Status EndJournal(const FileSelection& kept) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  std::string JournalPath() const { return absl::StrCat(output_folder_, "/", names_.journal); }

  const std::shared_ptr<const Manifest> manifest_;
  const std::string output_folder_;
  const std::string final_name_;
  const std::string target_path_;
  const DownloadNames names_;
  const std::shared_ptr<SyncThread> sync_thread_;
  const std::shared_ptr<CloseWatch> close_watch_;
  const bool repair_;
  const std::shared_ptr<const TargetFileSystem> file_system_;
  int damages_ = 0;               // how often Finish found damaged chunks
  bool continues_final_ = false;  // files of an earlier run have their final names
  uint64_t resumed_bytes_ = 0;
  absl::Duration opening_took_;
  std::unique_ptr<DataFiles> data_;  // set by Open, never reset: regions of it may be in use

  mutable std::atomic<int64_t> last_asked_ns_{INT64_MIN / 2};  // Clock::Uptime of the last Open(index)

  mutable Mutex mutex_;
  CondVar no_writers_;
  FileSelection selection_ ABSL_GUARDED_BY(mutex_);
  ContentEntries::Wants wants_entry_ ABSL_GUARDED_BY(mutex_);
  ChunkSet wanted_ ABSL_GUARDED_BY(mutex_);       // the chunks of selection_
  ChunkSet ever_wanted_ ABSL_GUARDED_BY(mutex_);  // of all selections so far: there is room for them
  ChunkSet held_ ABSL_GUARDED_BY(mutex_);
  uint32_t missing_ ABSL_GUARDED_BY(mutex_) = 0;  // of wanted_
  unsigned writers_ ABSL_GUARDED_BY(mutex_) = 0;
  bool finishing_ ABSL_GUARDED_BY(mutex_) = false;
  bool entries_made_ ABSL_GUARDED_BY(mutex_) = false;  // Finish succeeded
  JournalHeader journal_header_ ABSL_GUARDED_BY(mutex_);
  std::optional<ChunkJournal> journal_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<const FolderSource> whole_ ABSL_GUARDED_BY(mutex_);
};

// --- Opening

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
  // A folder with its journal beside it may hold some files of an earlier run.
  if (target_exists && !(folder && Exists(JournalPath()))) {
    const absl::Status used = UseTarget();
    if (used.ok()) RemoveLeftovers();
    if (used.ok() || !repair_) return used;
  }
  const absl::Status made = MakeFolders(output_folder_);
  if (!made.ok()) return file_system_->DiskStatus(made, absl::StrCat("the output folder ", output_folder_));
  return OpenDownload(verify_all, target_exists);
}

absl::Status ChunkStore::Impl::UseTarget() {
  MutexLock lock(&mutex_);
  whole_ = FindWhole(manifest_, output_folder_, selection_, final_name_);
  if (whole_ != nullptr) {
    const absl::Status entries = EntriesOfWhole(Action::kCheck);
    if (!entries.ok()) {
      whole_.reset();
      return entries;
    }
    held_ = wanted_;
    return absl::OkStatus();
  }
  struct stat info;
  const mode_t kind = manifest_->kind() == Manifest::Kind::kFile ? S_IFREG : S_IFDIR;
  const bool is_other_kind = lstat(target_path_.c_str(), &info) == 0 && (info.st_mode & S_IFMT) != kind;
  const absl::string_view repair = is_other_kind ? " or choose another output folder"
                                                 : ", choose another output folder, or have it repaired (get"
                                                   " --repair)";
  return absl::AlreadyExistsError(absl::StrCat(target_path_, " exists already and is not the content ",
                                               manifest_->id().ShortHex(), "; move it away", repair));
}

ContentEntries::Wants ChunkStore::Impl::WantedEntries() const {
  if (wants_entry_ != nullptr || selection_.all()) return wants_entry_;
  return [](const std::string&) { return false; };
}

absl::Status ChunkStore::Impl::EntriesOfWhole(Action action) const {
  if (manifest_->empty_folders().empty() && manifest_->links().empty()) return absl::OkStatus();
  SHOAL_ASSIGN_OR_RETURN(const FileDescriptor output,
                         FileDescriptor::Open(output_folder_, O_PATH | O_DIRECTORY));
  const absl::StatusOr<FileDescriptor> root =
      OpenBelow(output.get(), output_folder_, manifest_->name(), O_PATH | O_DIRECTORY, MissingFolders::kFail);
  if (!root.ok()) {
    return absl::AlreadyExistsError(absl::StrCat(
        target_path_, " is a link, and nothing is created through links; name the folder it leads to"));
  }
  const auto other_links =
      repair_ ? ContentEntries::OtherLinks::kReplace : ContentEntries::OtherLinks::kRefuse;
  const ContentEntries entries(*manifest_, root->get(), target_path_, *file_system_);
  return action == Action::kCheck ? entries.Check(WantedEntries(), other_links)
                                  : entries.Make(WantedEntries(), other_links);
}

// Removes temporary files left by a run that ended between its last two steps, or left unused because the
// content arrived another way. A process that has them locked keeps them. Nothing depends on the removal, so
// errors are ignored.
void ChunkStore::Impl::RemoveLeftovers() {
  if (!ChunkJournal::IsAt(JournalPath())) return;
  absl::StatusOr<ChunkJournal> journal = ChunkJournal::Open(JournalPath(), file_system_);
  if (journal.ok() && DataFiles::Discard(output_folder_, names_.data).ok()) (void)journal->Remove();
}

absl::Status ChunkStore::Impl::OpenDownload(bool verify_all, bool target_exists) {
  SHOAL_ASSIGN_OR_RETURN(ChunkJournal journal, ChunkJournal::Open(JournalPath(), file_system_));
  SHOAL_ASSIGN_OR_RETURN(const std::optional<JournalContents> earlier,
                         journal.Load(manifest_->id(), manifest_->chunk_count()));
  using Final = DataFiles::Final;
  const Final final = !target_exists ? Final::kNothing : repair_ ? Final::kRepaired : Final::kOwn;
  // The journal describes the folder under the final name only if it names that folder's inode.
  if (final == Final::kOwn && !(earlier && earlier->header.data_fingerprint == InodeOf(target_path_))) {
    SHOAL_RETURN_IF_ERROR(UseTarget());
    if (DataFiles::Discard(output_folder_, names_.data).ok()) (void)journal.Remove();
    return absl::OkStatus();
  }
  continues_final_ = final == Final::kOwn;
  // Without a journal the content of the data files is unknown.
  if (!earlier) SHOAL_RETURN_IF_ERROR(DataFiles::Discard(output_folder_, names_.data));
  SHOAL_ASSIGN_OR_RETURN(const absl::Time last_noted, journal.LastWritten());

  ChunkSet old_chunks;
  {
    MutexLock lock(&mutex_);
    absl::StatusOr<std::unique_ptr<DataFiles>> data =
        DataFiles::Open(manifest_, {output_folder_, names_.data, final_name_, final}, sync_thread_,
                        close_watch_, file_system_);
    absl::Status status = data.status();
    if (status.ok()) {
      data_ = *std::move(data);
      journal_header_ = {manifest_->id(), manifest_->chunk_count(), data_->fingerprint(), CurrentBootId()};
      if (final == Final::kRepaired) old_chunks = FindValidOldChunks();
      if (earlier) {
        // The writes of a killed process survive in the page cache. After a power cut, however, a record may
        // be on the disk without its chunk.
        const bool in_order = !verify_all && earlier->header == journal_header_ &&
                              journal_header_.boot_id != JournalHeader().boot_id;
        ChunkSet noted = earlier->noted;
        noted.Remove(held_);
        held_.Add(StillThere(*manifest_, noted, *data_, in_order, last_noted));
      }
      // Before files are created: these have their full length but no chunk.
      status = journal.Begin(journal_header_, held_);
    }
    if (status.ok()) status = data_->CheckEntries(WantedEntries());
    if (status.ok() && final == Final::kOwn) status = CheckFinalFiles();
    if (status.ok()) status = data_->MakeRoom(selection_);
    if (!status.ok()) {
      // Removes only what this call created.
      if (data_ != nullptr && data_->is_new()) (void)DataFiles::Discard(output_folder_, names_.data);
      if (!earlier) (void)journal.Remove();
      return status;
    }
    journal_ = std::move(journal);
  }
  return CopyOldChunks(std::move(old_chunks));
}

ChunkSet ChunkStore::Impl::FindValidOldChunks() {
  ChunkSet chunks = data_->old_chunks();
  chunks.KeepOnly(wanted_);
  chunks = VerifyChunks(*manifest_, chunks, [this](ChunkIndex index) { return data_->OldRegion(index); });
  if (manifest_->kind() == Manifest::Kind::kFolder) held_ = data_->KeepComplete(chunks).ChunksOf(*manifest_);
  return chunks;
}

absl::Status ChunkStore::Impl::CopyOldChunks(ChunkSet chunks) {
  if (chunks.empty()) return absl::OkStatus();
  chunks.Remove(Held());
  std::vector<ChunkIndex> list;
  chunks.ForEach([&](ChunkIndex index) { list.push_back(index); });
  std::atomic<size_t> next{0};
  const auto threads = static_cast<unsigned>(std::min<size_t>(WorkerThreads(0), list.size()));
  if (threads == 0) return absl::OkStatus();
  return RunOnWorkerThreads(threads, [&](const std::atomic<bool>& stop) -> absl::Status {
    std::vector<uint8_t> bytes;
    while (!stop.load(std::memory_order_relaxed)) {
      const size_t i = next.fetch_add(1, std::memory_order_relaxed);
      if (i >= list.size()) break;
      const absl::StatusOr<FileRegion> region = data_->OldRegion(list[i]);
      if (!region.ok()) continue;
      bytes.resize(region->length_bytes);
      // Put checks the bytes again: the file may have changed since it was read first.
      if (!ReadAt(region->file->get(), bytes, region->offset_bytes).ok()) continue;
      const Arrival arrival{list[i], bytes, Crc32(bytes)};
      SHOAL_RETURN_IF_ERROR(PutAll({&arrival, 1})[0].status());
    }
    return absl::OkStatus();
  });
}

absl::Status ChunkStore::Impl::CheckFinalFiles() const {
  const FileSelection whole = WholeFiles();
  for (uint32_t i = 0; i < manifest_->files().size(); ++i) {
    const FileIndex file(i);
    if (!selection_.Wants(file) || !data_->IsFinal(file) || whole.Wants(file)) continue;
    return absl::AlreadyExistsError(absl::StrCat(target_path_, "/", manifest_->files()[i].path,
                                                 " is no longer the file that was downloaded; move it away"
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

absl::Status ChunkStore::Impl::Select(const FileSelection& selection, ContentEntries::Wants wants_entry) {
  SHOAL_RETURN_IF_ERROR(CheckSelection(selection));
  const auto too_late = [] { return absl::FailedPreconditionError("the download is finished"); };
  {
    MutexLock lock(&mutex_);
    if (finishing_ || whole_ != nullptr) return too_late();
  }
  SHOAL_RETURN_IF_ERROR(data_->MakeRoom(selection));
  MutexLock lock(&mutex_);
  if (finishing_ || whole_ != nullptr) return too_late();
  wants_entry_ = std::move(wants_entry);
  Want(selection);
  return absl::OkStatus();
}

std::vector<absl::StatusOr<ChunkStore::PutResult>> ChunkStore::Impl::PutAll(
    std::span<const Arrival> arrivals) {
  std::vector<absl::StatusOr<PutResult>> results;
  // Writes to open files succeed even if their folder is gone. Two system calls per batch of chunks.
  if (TakesChunks()) {
    if (const absl::Status place = data_->CheckPlace(); !place.ok()) {
      results.assign(arrivals.size(), place);
      return results;
    }
  }
  const std::vector<bool> right = AreRight(*manifest_, arrivals);
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
  // A missing folder is the cause of any other error.
  const absl::Status place = data_->CheckPlace();
  return place.ok() ? written : place;
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
        results[i] = PutResult::kAlreadyHeld;  // another thread stored it meanwhile
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
  ContentEntries::Wants wants_entry;
  {
    MutexLock lock(&mutex_);
    if (entries_made_) return absl::OkStatus();
    if (whole_ != nullptr) {
      SHOAL_RETURN_IF_ERROR(EntriesOfWhole(Action::kMake));
      entries_made_ = true;
      return absl::OkStatus();
    }
    wants_entry = WantedEntries();
    if (missing_ > 0) return absl::FailedPreconditionError("chunks are still missing");
    if (finishing_) return absl::FailedPreconditionError("another thread is finishing this download");
    finishing_ = true;
    // A second copy of a chunk may still be being written. The bytes are the same, but the stamps below need
    // the final mtime.
    while (writers_ > 0) no_writers_.Wait(&mutex_);
    kept = WholeFiles();
    // The other files are removed.
    held_.KeepOnly(kept.ChunksOf(*manifest_));
  }
  absl::StatusOr<std::vector<FileStamp>> stamps = Seal(kept, wants_entry);
  absl::Status status = stamps.status();
  if (status.ok()) status = data_->TakeFinalName();
  if (status.ok()) data_->Restamp(*stamps);
  MutexLock lock(&mutex_);
  finishing_ = false;
  SHOAL_RETURN_IF_ERROR(status);
  entries_made_ = true;
  whole_ = std::make_shared<const FolderSource>(manifest_, RootOfWhole(*manifest_, output_folder_),
                                                *std::move(stamps), Clock::Real(), final_name_);
  // After the new name is on the disk: until then a later run needs the journal.
  return EndJournal(kept);
}

absl::StatusOr<std::vector<FileStamp>> ChunkStore::Impl::Seal(const FileSelection& kept,
                                                              const ContentEntries::Wants& wants_entry) {
  for (int rechecks = 0;; ++rechecks) {
    SHOAL_RETURN_IF_ERROR(data_->CheckPlace());
    SHOAL_RETURN_IF_ERROR(data_->CheckFolder());
    absl::StatusOr<DataFiles::Sealed> sealed = data_->Seal(kept, wants_entry);
    if (!sealed.ok()) {
      SHOAL_RETURN_IF_ERROR(data_->CheckPlace());
      return sealed.status();
    }
    if (sealed->touched.empty() || rechecks == kMaxRechecks) return std::move(sealed->stamps);
    SHOAL_RETURN_IF_ERROR(CheckTouched(sealed->touched));
  }
}

absl::Status ChunkStore::Impl::CheckTouched(const std::vector<FileIndex>& files) {
  FileSelection touched = FileSelection::None(*manifest_);
  for (const FileIndex file : files) {
    // Before the check, so that a change during the check is noticed too.
    SHOAL_RETURN_IF_ERROR(data_->Restore(file));
    touched.Set(file, true);
  }
  ChunkSet damaged = touched.ChunksOf(*manifest_);
  damaged.Remove(
      VerifyChunks(*manifest_, damaged, [this](ChunkIndex index) { return data_->Region(index); }));
  if (damaged.empty()) return absl::OkStatus();

  MutexLock lock(&mutex_);
  held_.Remove(damaged);
  Want(selection_);
  journal_header_.data_fingerprint = data_->fingerprint();
  SHOAL_RETURN_IF_ERROR(CheckFinalFiles());
  SHOAL_RETURN_IF_ERROR(journal_->Begin(journal_header_, held_));
  if (++damages_ == kMaxDamages) {
    return absl::DataLossError(absl::StrCat("another program keeps changing ", output_folder_, "/",
                                            names_.data, "; find out which, and stop it"));
  }
  file_system_->Warning(absl::StrCat("another program changed the unfinished download: ", damaged.count(),
                                     damaged.count() == 1 ? " chunk is" : " chunks are", " fetched again"));
  return absl::AbortedError("chunks were damaged by another program");
}

absl::Status ChunkStore::Impl::Discard() {
  {
    MutexLock lock(&mutex_);
    if (whole_ != nullptr || continues_final_ || !journal_.has_value()) return absl::OkStatus();
    if (finishing_) return absl::FailedPreconditionError("another thread is finishing this download");
    finishing_ = true;  // for good: nothing is written from now on
    while (writers_ > 0) no_writers_.Wait(&mutex_);
    held_ = ChunkSet(manifest_->chunk_count());
    Want(selection_);
  }
  SHOAL_RETURN_IF_ERROR(DataFiles::Discard(output_folder_, names_.data));
  MutexLock lock(&mutex_);
  const absl::Status removed = journal_->Remove();
  journal_.reset();
  return removed;
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
    // Repaired files were moved into the folder that was there.
    if (data_->is_repair()) journal_header_.data_fingerprint = data_->final_fingerprint();
    // Written anew: the renames changed the ctime of files after the last record.
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
absl::Status ChunkStore::Select(const FileSelection& selection, ContentEntries::Wants wants_entry) {
  return impl_->Select(selection, std::move(wants_entry));
}
absl::Status ChunkStore::Finish() {
  return impl_->Finish();
}
absl::Status ChunkStore::Discard() {
  return impl_->Discard();
}
void ChunkStore::Close() {
  impl_->Close();
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
