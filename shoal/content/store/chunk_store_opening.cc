#include <sys/stat.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "shoal/base/clock.h"
#include "shoal/base/status_macros.h"
#include "shoal/content/store/chunk_store_impl.h"
#include "shoal/content/store/earlier_run.h"

// The opening of a ChunkStore: what an earlier run left, or somebody else put there.

namespace shoal {
namespace {

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

// What is left when a run ended between its last two steps, or when the content came another way. Somebody
// who is at work there keeps it, and nothing here depends on it: so no errors.
void ChunkStore::Impl::RemoveLeftovers() {
  if (!Exists(JournalPath())) return;
  absl::StatusOr<ChunkJournal> journal = ChunkJournal::Open(JournalPath());
  if (journal.ok() && DataFiles::Discard(output_folder_, names_.data).ok()) (void)journal->Remove();
}

absl::Status ChunkStore::Impl::OpenDownload(bool verify_all, bool target_exists) {
  SHOAL_ASSIGN_OR_RETURN(ChunkJournal journal, ChunkJournal::Open(JournalPath()));
  SHOAL_ASSIGN_OR_RETURN(const std::optional<JournalContents> earlier,
                         journal.Load(manifest_->id(), manifest_->chunk_count()));
  // The journal speaks of a folder under its final name when it speaks of that very folder.
  if (target_exists && !(earlier && earlier->header.data_fingerprint == InodeOf(target_path_))) {
    SHOAL_RETURN_IF_ERROR(UseTarget());
    if (DataFiles::Discard(output_folder_, names_.data).ok()) (void)journal.Remove();
    return absl::OkStatus();
  }
  // Without a journal nobody can say what is in there.
  if (!earlier) SHOAL_RETURN_IF_ERROR(DataFiles::Discard(output_folder_, names_.data));
  SHOAL_ASSIGN_OR_RETURN(const absl::Time last_noted, journal.LastWritten());

  MutexLock lock(&mutex_);
  absl::StatusOr<std::unique_ptr<DataFiles>> data =
      DataFiles::Open(manifest_, {output_folder_, names_.data, manifest_->name(), target_exists});
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

}  // namespace shoal
