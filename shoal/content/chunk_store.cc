#include "shoal/content/chunk_store.h"

#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "shoal/base/mutex.h"
#include "shoal/base/status_macros.h"
#include "shoal/content/chunk_journal.h"
#include "shoal/content/chunk_verifier.h"
#include "shoal/content/data_files.h"
#include "shoal/content/folder_source.h"

namespace shoal {
namespace {

constexpr absl::string_view kDataEnding = ".shoal-tmp";
constexpr absl::string_view kJournalEnding = ".shoal-progress";
// So that the longest name made from it, "." NAME "." ID12 ".shoal-progress.new", is one that file systems
// take.
constexpr size_t kMaxStemNameBytes = 255 - 1 - 1 - 12 - kJournalEnding.size() - 4;

// ".NAME.ID12": what the names of a download's files begin with. A long NAME is cut, between two characters;
// the id tells the contents apart.
std::string TemporaryStem(const Manifest& manifest) {
  absl::string_view name = manifest.name();
  if (name.size() > kMaxStemNameBytes) {
    size_t end = kMaxStemNameBytes;
    while ((static_cast<uint8_t>(name[end]) & 0xc0) == 0x80) --end;
    name = name.substr(0, end);
  }
  return absl::StrCat(".", name, ".", manifest.id().ShortHex());
}

uint64_t BytesOf(const Manifest& manifest, const ChunkSet& chunks) {
  uint64_t bytes = 0;
  chunks.ForEach([&](ChunkIndex index) { bytes += manifest.PlaceOf(index).length_bytes; });
  return bytes;
}

bool Exists(const std::string& path) {
  struct stat info;
  return lstat(path.c_str(), &info) == 0;
}

// What FolderSource calls the root of a content that lies under its own name in `output_folder`.
std::string RootOf(const Manifest& manifest, const std::string& output_folder) {
  if (manifest.kind() == Manifest::Kind::kFile) return output_folder;
  return absl::StrCat(output_folder, "/", manifest.name());
}

// The content as it lies under its final name, when all its bytes are right; null when they are not.
std::shared_ptr<const FolderSource> FindWhole(const std::shared_ptr<const Manifest>& manifest,
                                              const std::string& output_folder) {
  const std::string root = RootOf(*manifest, output_folder);
  std::vector<FileStamp> stamps;
  stamps.reserve(manifest->files().size());
  for (const FileEntry& file : manifest->files()) {
    const absl::StatusOr<FileStamp> stamp = FileStamp::Of(absl::StrCat(root, "/", file.path));
    if (!stamp.ok() || stamp->length_bytes != file.length_bytes) return nullptr;
    stamps.push_back(*stamp);
  }
  auto source = std::make_shared<const FolderSource>(manifest, root, std::move(stamps));
  if (!AllChunksRight(*manifest, [&](ChunkIndex index) { return source->Open(index); })) return nullptr;
  return source;
}

}  // namespace

// Either a download under way (data_ and journal_), or a whole content under its final name (whole_).
class ChunkStore::Impl {
 public:
  Impl(std::shared_ptr<const Manifest> manifest, const Options& options)
      : manifest_(std::move(manifest)),
        output_folder_(options.output_folder.empty() ? "." : options.output_folder),
        target_path_(absl::StrCat(output_folder_, "/", manifest_->name())),
        held_(manifest_->chunk_count()) {}

  absl::Status Open(bool verify_all);
  absl::StatusOr<PutResult> Put(ChunkIndex index, ByteView bytes);
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
    return held_.full();
  }
  const std::shared_ptr<const Manifest>& manifest() const { return manifest_; }
  const std::string& target_path() const { return target_path_; }
  uint64_t resumed_bytes() const { return resumed_bytes_; }

 private:
  void BeWhole(std::shared_ptr<const FolderSource> source);
  void RemoveLeftovers();
  absl::Status OpenDownload(bool verify_all);
  // Counts a writer in, unless there is nothing for it to do.
  bool BeginWrite(ChunkIndex index);
  absl::StatusOr<PutResult> EndWrite(ChunkIndex index, const absl::Status& written);

  std::string JournalPath() const {
    return absl::StrCat(output_folder_, "/", TemporaryStem(*manifest_), kJournalEnding);
  }
  std::string DataName() const { return absl::StrCat(TemporaryStem(*manifest_), kDataEnding); }

  const std::shared_ptr<const Manifest> manifest_;
  const std::string output_folder_;
  const std::string target_path_;
  uint64_t resumed_bytes_ = 0;
  std::unique_ptr<DataFiles> data_;  // set once, in Open, and kept: regions of it may still be asked for

  mutable Mutex mutex_;
  CondVar no_writers_;
  ChunkSet held_ ABSL_GUARDED_BY(mutex_);
  unsigned writers_ ABSL_GUARDED_BY(mutex_) = 0;
  bool finishing_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<ChunkJournal> journal_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<const FolderSource> whole_ ABSL_GUARDED_BY(mutex_);
};

absl::Status ChunkStore::Impl::Open(bool verify_all) {
  if (Exists(target_path_)) {
    if (auto source = FindWhole(manifest_, output_folder_)) {
      BeWhole(std::move(source));
      RemoveLeftovers();
      return absl::OkStatus();
    }
    return absl::AlreadyExistsError(absl::StrCat(target_path_, " is there already and is not the content ",
                                                 manifest_->id().ShortHex(),
                                                 "; move it away or choose another output folder"));
  }
  std::error_code error;
  std::filesystem::create_directories(output_folder_, error);
  if (error) return ErrnoStatus(error.value(), absl::StrCat("cannot make the folder ", output_folder_));
  return OpenDownload(verify_all);
}

void ChunkStore::Impl::BeWhole(std::shared_ptr<const FolderSource> source) {
  MutexLock lock(&mutex_);
  held_ = ChunkSet::All(manifest_->chunk_count());
  whole_ = std::move(source);
  resumed_bytes_ = manifest_->length_bytes();
}

// What is left when a run ended between its last two steps, or when the content came another way. Somebody
// who is at work there keeps it, and nothing here depends on it: so no errors.
void ChunkStore::Impl::RemoveLeftovers() {
  if (!Exists(JournalPath())) return;
  absl::StatusOr<ChunkJournal> journal = ChunkJournal::Open(JournalPath());
  if (journal.ok() && DataFiles::Discard(output_folder_, DataName()).ok()) (void)journal->Remove();
}

absl::Status ChunkStore::Impl::OpenDownload(bool verify_all) {
  SHOAL_ASSIGN_OR_RETURN(ChunkJournal journal, ChunkJournal::Open(JournalPath()));
  SHOAL_ASSIGN_OR_RETURN(const std::optional<JournalContents> earlier,
                         journal.Load(manifest_->id(), manifest_->chunk_count()));
  // Without a journal nobody can say what is in there.
  if (!earlier) SHOAL_RETURN_IF_ERROR(DataFiles::Discard(output_folder_, DataName()));
  absl::StatusOr<std::unique_ptr<DataFiles>> data = DataFiles::Open(manifest_, output_folder_, DataName());
  if (!data.ok()) {
    if (!earlier) (void)journal.Remove();
    return data.status();
  }
  data_ = *std::move(data);

  const JournalHeader header{manifest_->id(), manifest_->chunk_count(), data_->fingerprint(),
                             CurrentBootId()};
  ChunkSet held(manifest_->chunk_count());
  if (earlier) {
    earlier->noted.ForEach([&](ChunkIndex index) {
      if (data_->found().Contains(index)) held.Insert(index);
    });
    // A killed process leaves all that it wrote to the kernel. After a power cut, though, a record may be on
    // the disk while the chunk it speaks of is not; and files with other inodes are not those that the
    // records speak of.
    const bool trusted = earlier->header == header && header.boot_id != JournalHeader().boot_id;
    if (verify_all || !trusted) {
      held = VerifyChunks(*manifest_, held, [&](ChunkIndex index) { return data_->Region(index); });
    }
  }
  resumed_bytes_ = BytesOf(*manifest_, held);
  SHOAL_RETURN_IF_ERROR(journal.Begin(header, held));
  MutexLock lock(&mutex_);
  held_ = std::move(held);
  journal_ = std::move(journal);
  return absl::OkStatus();
}

absl::StatusOr<ChunkStore::PutResult> ChunkStore::Impl::Put(ChunkIndex index, ByteView bytes) {
  if (index.value() >= manifest_->chunk_count())
    return absl::InvalidArgumentError("the content has no such chunk");
  if (Holds(index)) return PutResult::kAlreadyHeld;
  const ChunkChecksums& expected = manifest_->checksums(index);
  if (bytes.size() != manifest_->PlaceOf(index).length_bytes || Crc32(bytes) != expected.crc32 ||
      Sha256::Of(bytes) != expected.sha256) {
    return PutResult::kCorrupt;
  }
  if (!BeginWrite(index)) return PutResult::kAlreadyHeld;
  return EndWrite(index, data_->Write(index, bytes));
}

bool ChunkStore::Impl::BeginWrite(ChunkIndex index) {
  MutexLock lock(&mutex_);
  if (finishing_ || held_.Contains(index)) return false;
  ++writers_;
  return true;
}

absl::StatusOr<ChunkStore::PutResult> ChunkStore::Impl::EndWrite(ChunkIndex index,
                                                                 const absl::Status& written) {
  MutexLock lock(&mutex_);
  if (--writers_ == 0) no_writers_.NotifyAll();
  SHOAL_RETURN_IF_ERROR(written);
  if (held_.Contains(index)) return PutResult::kAlreadyHeld;  // another thread brought the same bytes
  SHOAL_RETURN_IF_ERROR(journal_->Append(index));
  held_.Insert(index);
  return PutResult::kStored;
}

absl::Status ChunkStore::Impl::Finish() {
  {
    MutexLock lock(&mutex_);
    if (whole_ != nullptr) return absl::OkStatus();
    if (!held_.full()) return absl::FailedPreconditionError("chunks are missing still");
    if (finishing_) return absl::FailedPreconditionError("another thread is finishing this download");
    finishing_ = true;
    // The second copy of a chunk may be being written still. It is the same bytes, but the file's time must
    // stand.
    while (writers_ > 0) no_writers_.Wait(&mutex_);
  }
  absl::StatusOr<std::vector<FileStamp>> stamps = data_->Seal();
  absl::Status status = stamps.status();
  if (status.ok()) status = data_->MoveTo(manifest_->name());
  MutexLock lock(&mutex_);
  finishing_ = false;
  SHOAL_RETURN_IF_ERROR(status);
  whole_ =
      std::make_shared<const FolderSource>(manifest_, RootOf(*manifest_, output_folder_), *std::move(stamps));
  // Only now that the disk has the new name: until then the journal is what a next run would go by.
  status = journal_->Remove();
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
  return whole != nullptr ? whole->Open(index) : data_->Region(index);
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
  return impl_->Put(index, bytes);
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

}  // namespace shoal
