#include "shoal/content/store/chunk_store.h"

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "shoal/base/clock.h"
#include "shoal/base/status_macros.h"
#include "shoal/content/manifest/checksum.h"
#include "shoal/content/publish/chunk_verifier.h"
#include "shoal/content/store/chunk_store_impl.h"
#include "shoal/content/store/earlier_run.h"

namespace shoal {
namespace {

// So long after a chunk was served others are taken to be wanted.
constexpr absl::Duration kAskedLately = absl::Seconds(30);

}  // namespace

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

// While nobody asks for chunks, new ones need not push out of the machine's page cache what others have in it
// (and new pages for them cost more than the copying: docs/adr/0011). When somebody does, the chunks that
// just came are those he lacks.
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

// The wanted files, and those others that came whole before somebody chose to skip them.
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
