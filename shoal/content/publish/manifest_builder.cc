#include "shoal/content/publish/manifest_builder.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "shoal/base/clock.h"
#include "shoal/base/file_descriptor.h"
#include "shoal/base/mutex.h"
#include "shoal/base/status_macros.h"
#include "shoal/content/manifest/content_path.h"
#include "shoal/content/publish/chunk_hasher.h"
#include "shoal/content/publish/folder_listing.h"
#include "shoal/content/publish/worker_threads.h"

namespace shoal {
namespace {

// A thread takes this many bytes (or chunks) at a time: enough for sequential reads, few enough that all
// threads end at about the same time.
constexpr uint64_t kRunBytes = 8 * 1024 * 1024;
constexpr uint32_t kMaxRunChunks = 16;
constexpr absl::Duration kReportEvery = absl::Milliseconds(250);

absl::Status ChangedMeanwhile(const std::string& path) {
  return absl::AbortedError(absl::StrCat(path, " changed while it was read"));
}

void SortLeftOut(std::vector<LeftOut>* left_out) {
  std::sort(left_out->begin(), left_out->end(),
            [](const LeftOut& a, const LeftOut& b) { return a.path < b.path; });
}

// What is to be hashed: where it is stored, its name and its files.
struct Subject {
  std::string root;  // as FolderSource takes it
  std::string name;
  Manifest::Kind kind = Manifest::Kind::kFile;
  LinkPolicy links = LinkPolicy::kKeepInside;
  FolderListing listing;
};

bool IsLink(const std::string& path) {
  struct stat info;
  return lstat(path.c_str(), &info) == 0 && S_ISLNK(info.st_mode);
}

// Moves the files at `paths` to what is left out.
void LeaveOutFiles(const std::set<std::string>& paths, FolderListing* listing) {
  std::erase_if(listing->files, [&](const ListedFile& file) {
    if (!paths.contains(file.entry.path)) return false;
    listing->left_out.push_back({file.entry.path, kChangesReason});
    return true;
  });
  SortLeftOut(&listing->left_out);
}

absl::Status NothingToPublish(const std::string& path, const std::vector<LeftOut>& left_out) {
  std::string message = absl::StrCat(path, " has no files in it to publish");
  if (!left_out.empty()) {
    absl::StrAppend(&message, "; ", left_out.size(), " left out, the first: ", left_out[0].path, ": ",
                    left_out[0].reason);
  }
  return absl::InvalidArgumentError(message);
}

absl::StatusOr<Subject> Find(std::string path, LinkPolicy links, const std::set<std::string>* leave_out) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  std::string name = path.substr(path.rfind('/') + 1);
  if (name.empty() || name == "." || name == "..") {
    const std::unique_ptr<char, decltype(&free)> real(realpath(path.c_str(), nullptr), &free);
    if (real == nullptr) return ErrnoStatus(errno, absl::StrCat("cannot look at ", path));
    path = real.get();
    name = path.substr(path.rfind('/') + 1);
  }
  if (const absl::Status usable = CheckContentName(name); !usable.ok()) {
    return absl::Status(usable.code(),
                        absl::StrCat(usable.message(), ", so it can't be published; rename it"));
  }
  struct stat info;
  if (stat(path.c_str(), &info) != 0) return ErrnoStatus(errno, absl::StrCat("cannot look at ", path));

  Subject subject;
  if (S_ISDIR(info.st_mode)) {
    SHOAL_ASSIGN_OR_RETURN(subject.listing, ListFolder(path, links));
    if (leave_out != nullptr) LeaveOutFiles(*leave_out, &subject.listing);
    if (subject.listing.files.empty()) return NothingToPublish(path, subject.listing.left_out);
    subject.kind = Manifest::Kind::kFolder;
    subject.links = links;
    subject.root = std::move(path);
  } else if (S_ISREG(info.st_mode)) {
    const FileStamp stamp = FileStamp::From(info);
    subject.listing.files.push_back({{name, stamp.length_bytes, (info.st_mode & S_IXUSR) != 0}, stamp});
    // Its caller named it, so it is served through the link as well.
    if (IsLink(path)) subject.links = LinkPolicy::kFollow;
    const size_t slash = path.rfind('/');
    subject.root = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  } else {
    return absl::InvalidArgumentError(absl::StrCat(path, " is neither a file nor a folder"));
  }
  subject.name = std::move(name);
  return subject;
}

// Calls on_progress from one thread at a time, at limited intervals.
class Progress {
 public:
  Progress(const ManifestBuilderOptions& options, uint64_t total_bytes)
      : report_(options.on_progress), total_bytes_(total_bytes) {}

  void Add(uint64_t bytes) {
    done_bytes_.fetch_add(bytes, std::memory_order_relaxed);
    if (!report_) return;
    const int64_t now_ns = absl::ToInt64Nanoseconds(Clock::Real().Uptime());
    int64_t next_ns = next_report_ns_.load(std::memory_order_relaxed);
    if (now_ns < next_ns ||
        !next_report_ns_.compare_exchange_strong(next_ns, now_ns + absl::ToInt64Nanoseconds(kReportEvery),
                                                 std::memory_order_relaxed)) {
      return;
    }
    Report();
  }

  void Report() {
    if (!report_) return;
    MutexLock lock(&mutex_);
    report_(done_bytes_.load(std::memory_order_relaxed), total_bytes_);
  }

 private:
  const std::function<void(uint64_t, uint64_t)>& report_;
  const uint64_t total_bytes_;
  std::atomic<uint64_t> done_bytes_{0};
  std::atomic<int64_t> next_report_ns_{0};
  Mutex mutex_;
};

// Hashes all chunks of all files. Threads take runs of consecutive chunks from one counter.
class Hashing {
 public:
  Hashing(Subject& subject, uint32_t chunk_size_bytes, const ManifestBuilderOptions& options,
          uint64_t total_bytes)
      : subject_(subject),
        chunk_size_bytes_(chunk_size_bytes),
        cancelled_(options.cancelled),
        run_chunks_(
            static_cast<uint32_t>(std::clamp<uint64_t>(kRunBytes / chunk_size_bytes, 1, kMaxRunChunks))),
        progress_(options, total_bytes),
        is_unreadable_(subject.listing.files.size()) {}

  // Hashes all files. Removes those that can't be read from `subject`, and adds them to what is left out.
  absl::StatusOr<std::vector<ChunkChecksums>> Run(unsigned threads) {
    first_chunk_.reserve(subject_.listing.files.size() + 1);
    uint64_t chunks = 0;
    for (const ListedFile& file : subject_.listing.files) {
      first_chunk_.push_back(static_cast<uint32_t>(chunks));
      const uint64_t length = file.entry.length_bytes;
      chunks += length / chunk_size_bytes_ + (length % chunk_size_bytes_ != 0);
      if (chunks > kMaxChunks) {
        return absl::InvalidArgumentError(absl::StrCat(
            "more than ", kMaxChunks, " chunks; choose a larger chunk size, or publish an archive"));
      }
    }
    first_chunk_.push_back(static_cast<uint32_t>(chunks));
    checksums_.resize(chunks);
    const auto useful =
        static_cast<unsigned>(std::max<uint64_t>((chunks + run_chunks_ - 1) / run_chunks_, 1));
    SHOAL_RETURN_IF_ERROR(RunOnWorkerThreads(std::min(threads, useful),
                                             [this](const std::atomic<bool>& stop) { return Work(stop); }));
    progress_.Report();
    RemoveUnreadable();
    return std::move(checksums_);
  }

 private:
  // The state of one thread: its open file and its hasher.
  struct Reader {
    ChunkHasher hasher;
    FileDescriptor descriptor;
    size_t file = SIZE_MAX;
  };

  absl::Status Work(const std::atomic<bool>& stop) {
    Reader reader;
    for (;;) {
      const uint64_t begin = next_chunk_.fetch_add(run_chunks_, std::memory_order_relaxed);
      if (begin >= checksums_.size()) break;
      const uint64_t end = std::min<uint64_t>(begin + run_chunks_, checksums_.size());
      for (uint64_t chunk = begin; chunk < end; ++chunk) {
        if (stop.load(std::memory_order_relaxed)) return absl::OkStatus();
        if (cancelled_ != nullptr && cancelled_->load(std::memory_order_relaxed)) {
          return absl::CancelledError("hashing was cancelled");
        }
        SHOAL_RETURN_IF_ERROR(HashOne(static_cast<uint32_t>(chunk), &reader));
      }
    }
    return Close(&reader);
  }

  absl::Status HashOne(uint32_t chunk, Reader* reader) {
    const auto after = std::upper_bound(first_chunk_.begin(), first_chunk_.end(), chunk);
    const auto file = static_cast<size_t>(after - first_chunk_.begin()) - 1;
    if (reader->file != file) {
      SHOAL_RETURN_IF_ERROR(Close(reader));
      SHOAL_RETURN_IF_ERROR(NoteUnreadable(file, Open(file, reader)));
    }
    if (is_unreadable_[file].load(std::memory_order_relaxed)) return absl::OkStatus();
    const uint64_t offset = uint64_t{chunk - first_chunk_[file]} * chunk_size_bytes_;
    const auto length = static_cast<uint32_t>(
        std::min<uint64_t>(subject_.listing.files[file].entry.length_bytes - offset, chunk_size_bytes_));
    absl::StatusOr<ChunkChecksums> checksums = reader->hasher.Hash(reader->descriptor.get(), offset, length);
    if (absl::IsOutOfRange(checksums.status())) return ChangedMeanwhile(PathOf(file));
    if (!checksums.ok()) {
      return NoteUnreadable(file,
                            absl::Status(checksums.status().code(),
                                         absl::StrCat(PathOf(file), ": ", checksums.status().message())));
    }
    checksums_[chunk] = *checksums;
    progress_.Add(length);
    return absl::OkStatus();
  }

  absl::Status Open(size_t file, Reader* reader) {
    absl::StatusOr<FileDescriptor> opened =
        FileDescriptor::Open(PathOf(file), O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (absl::IsNotFound(opened.status())) return ChangedMeanwhile(PathOf(file));
    if (!opened.ok()) return opened.status();
    reader->descriptor = *std::move(opened);
    reader->file = file;
    posix_fadvise(reader->descriptor.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
    return CheckStamp(*reader);
  }

  // Compares the stamp again after the last byte was read: a concurrent write has changed it.
  absl::Status Close(Reader* reader) {
    if (!reader->descriptor.valid()) return absl::OkStatus();
    SHOAL_RETURN_IF_ERROR(CheckStamp(*reader));
    reader->descriptor.Close();
    return absl::OkStatus();
  }

  absl::Status CheckStamp(const Reader& reader) {
    struct stat info;
    if (fstat(reader.descriptor.get(), &info) != 0 || !S_ISREG(info.st_mode) ||
        FileStamp::From(info) != subject_.listing.files[reader.file].stamp) {
      return ChangedMeanwhile(PathOf(reader.file));
    }
    return absl::OkStatus();
  }

  // Whether the status of reading a file concerns that file alone: no permission, or an error of the disk
  // (EIO is UNKNOWN).
  static bool ConcernsOneFile(const absl::Status& status) {
    return absl::IsPermissionDenied(status) || absl::IsUnknown(status) || absl::IsDataLoss(status);
  }

  // Returns: OK after it has noted a file of a folder that can't be read; else `status`.
  absl::Status NoteUnreadable(size_t file, const absl::Status& status) {
    if (subject_.kind == Manifest::Kind::kFile || !ConcernsOneFile(status)) return status;
    if (is_unreadable_[file].exchange(true)) return absl::OkStatus();
    MutexLock lock(&mutex_);
    unreadable_.push_back(
        {subject_.listing.files[file].entry.path, absl::StrCat("it can't be read: ", status.message())});
    return absl::OkStatus();
  }

  void RemoveUnreadable() {
    MutexLock lock(&mutex_);
    if (unreadable_.empty()) return;
    std::vector<ListedFile> files;
    std::vector<ChunkChecksums> checksums;
    for (size_t file = 0; file < subject_.listing.files.size(); ++file) {
      if (is_unreadable_[file]) continue;
      files.push_back(std::move(subject_.listing.files[file]));
      checksums.insert(checksums.end(), checksums_.begin() + first_chunk_[file],
                       checksums_.begin() + first_chunk_[file + 1]);
    }
    subject_.listing.files = std::move(files);
    checksums_ = std::move(checksums);
    std::vector<LeftOut>& left_out = subject_.listing.left_out;
    left_out.insert(left_out.end(), unreadable_.begin(), unreadable_.end());
    SortLeftOut(&left_out);
  }

  std::string PathOf(size_t file) const {
    return absl::StrCat(subject_.root, "/", subject_.listing.files[file].entry.path);
  }

  Subject& subject_;
  const uint32_t chunk_size_bytes_;
  const std::atomic<bool>* const cancelled_;
  const uint32_t run_chunks_;
  Progress progress_;
  std::vector<uint32_t> first_chunk_;  // per file, and one past the end
  std::vector<ChunkChecksums> checksums_;
  std::atomic<uint64_t> next_chunk_{0};
  std::vector<std::atomic<bool>> is_unreadable_;  // per file
  Mutex mutex_;
  std::vector<LeftOut> unreadable_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

absl::StatusOr<BuiltManifest> BuildManifest(const std::string& path, const ManifestBuilderOptions& options) {
  SHOAL_ASSIGN_OR_RETURN(Subject subject, Find(path, options.links, options.leave_out));
  uint64_t total_bytes = 0;
  for (const ListedFile& file : subject.listing.files) total_bytes += file.entry.length_bytes;
  const uint32_t chunk_size_bytes = options.chunk_size_bytes.value_or(ChunkSizeFor(total_bytes));
  if (chunk_size_bytes < kMinChunkSizeBytes || chunk_size_bytes > kMaxChunkSizeBytes) {
    return absl::InvalidArgumentError(absl::StrCat("a chunk has ", kMinChunkSizeBytes, " to ",
                                                   kMaxChunkSizeBytes, " bytes (a power of two), not ",
                                                   chunk_size_bytes));
  }
  Hashing hashing(subject, chunk_size_bytes, options, total_bytes);
  SHOAL_ASSIGN_OR_RETURN(std::vector<ChunkChecksums> checksums, hashing.Run(WorkerThreads(options.threads)));
  FolderListing& listing = subject.listing;
  if (listing.files.empty()) return NothingToPublish(path, listing.left_out);

  std::vector<FileEntry> files;
  std::vector<FileStamp> stamps;
  files.reserve(listing.files.size());
  stamps.reserve(listing.files.size());
  for (ListedFile& file : listing.files) {
    files.push_back(std::move(file.entry));
    stamps.push_back(file.stamp);
  }
  SHOAL_ASSIGN_OR_RETURN(
      Manifest manifest,
      Manifest::Create(subject.kind, std::move(subject.name), chunk_size_bytes, std::move(files),
                       std::move(checksums), std::move(listing.empty_folders), std::move(listing.links)));
  return BuiltManifest{std::move(manifest), std::move(subject.root), std::move(stamps), subject.links,
                       std::move(listing.left_out)};
}

}  // namespace shoal
