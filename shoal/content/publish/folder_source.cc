#include "shoal/content/publish/folder_source.h"

#include <fcntl.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "shoal/base/status_macros.h"
#include "shoal/content/manifest/content_path.h"
#include "shoal/content/publish/chunk_hasher.h"

namespace shoal {
namespace {

constexpr int64_t kCompareEveryNs = 1'000'000'000;
// O_NONBLOCK: the open must not wait if the file was replaced by a FIFO.
constexpr int kFlags = O_RDONLY | O_NONBLOCK | O_NOCTTY;

absl::Status Changed(const std::string& path) {
  return absl::FailedPreconditionError(absl::StrCat(path, " is not the file that was hashed"));
}

// Whether opening `path` failed because it, or a folder on it, is not what it was when it was listed: gone, a
// file in place of a folder (ENOTDIR), or a link.
bool IsSomethingElse(const absl::Status& status, const std::string& path) {
  struct stat info;
  return absl::IsNotFound(status) || absl::IsFailedPrecondition(status) ||
         (lstat(path.c_str(), &info) == 0 && S_ISLNK(info.st_mode));
}

}  // namespace

FolderSource::FolderSource(std::shared_ptr<const Manifest> manifest, std::string root,
                           std::vector<FileStamp> stamps, const Clock& clock, const std::string& file_name,
                           LinkPolicy links, size_t left_out)
    : manifest_(std::move(manifest)),
      root_(std::move(root)),
      file_name_(manifest_->kind() == Manifest::Kind::kFile ? file_name : ""),
      stamps_(std::move(stamps)),
      clock_(clock),
      links_(links),
      left_out_(left_out),
      compared_at_ns_(manifest_->files().size()),
      doubtful_(manifest_->files().size()) {}

std::string FolderSource::PathOf(FileIndex file) const {
  return absl::StrCat(root_, "/", PathInRoot(file));
}

const std::string& FolderSource::PathInRoot(FileIndex file) const {
  return file_name_.empty() ? manifest_->files()[file.value()].path : file_name_;
}

absl::StatusOr<FileRegion> FolderSource::Open(ChunkIndex index) const {
  const ChunkPlace place = manifest_->PlaceOf(index);
  std::shared_ptr<const FileDescriptor> descriptor;
  if (IsKeptOpen(place.file)) descriptor = open_files_.Find(place.file);
  if (descriptor == nullptr) {
    SHOAL_ASSIGN_OR_RETURN(descriptor, OpenFile(place.file));
  } else {
    SHOAL_RETURN_IF_ERROR(CheckStamp(place.file));
  }
  FileRegion region{std::move(descriptor), place.offset_bytes, place.length_bytes};
  if (doubtful_[place.file.value()].load(std::memory_order_relaxed))
    SHOAL_RETURN_IF_ERROR(CheckBytes(index, region));
  return region;
}

absl::Status FolderSource::CheckBytes(ChunkIndex index, const FileRegion& region) const {
  ChunkHasher hasher;
  const absl::StatusOr<ChunkChecksums> checksums =
      hasher.Hash(region.file->get(), region.offset_bytes, region.length_bytes);
  if (checksums.ok() && *checksums == manifest_->checksums(index)) return absl::OkStatus();
  if (checksums.ok() || absl::IsOutOfRange(checksums.status()))
    return Changed(PathOf(manifest_->PlaceOf(index).file));
  return checksums.status();
}

absl::StatusOr<std::shared_ptr<const FileDescriptor>> FolderSource::OpenFile(FileIndex file) const {
  const std::string path = PathOf(file);
  const int64_t now_ns = absl::ToInt64Nanoseconds(clock_.Uptime());
  absl::StatusOr<FileDescriptor> opened =
      IsKeptOpen(file) ? OpenInRoot(PathInRoot(file), kFlags) : OpenOnce(file);
  if (!opened.ok()) {
    if (IsSomethingElse(opened.status(), path)) return Changed(path);
    return opened.status();
  }
  struct stat info;
  if (fstat(opened->get(), &info) != 0) return ErrnoStatus(errno, absl::StrCat("cannot look at ", path));
  if (!S_ISREG(info.st_mode)) return Changed(path);
  const FileStamp::Comparison comparison = stamps_[file.value()].Compare(FileStamp::From(info));
  if (comparison == FileStamp::Comparison::kOther) return Changed(path);
  doubtful_[file.value()].store(comparison == FileStamp::Comparison::kDoubtful, std::memory_order_relaxed);
  compared_at_ns_[file.value()].store(now_ns, std::memory_order_relaxed);
  if (!IsKeptOpen(file)) return std::make_shared<const FileDescriptor>(*std::move(opened));
  return open_files_.Keep(file, *std::move(opened));
}

absl::StatusOr<FileDescriptor> FolderSource::OpenInRoot(const std::string& path, int flags) const {
  if (links_ == LinkPolicy::kFollow) return FileDescriptor::Open(absl::StrCat(root_, "/", path), flags);
  SHOAL_ASSIGN_OR_RETURN(FileDescriptor root, FileDescriptor::Open(root_, O_PATH | O_DIRECTORY));
  if (path.empty()) return root;
  return OpenBelow(root.get(), root_, path, flags, MissingFolders::kFail);
}

absl::StatusOr<FileDescriptor> FolderSource::OpenOnce(FileIndex file) const {
  const std::string& path = PathInRoot(file);
  const absl::string_view folder = FolderOf(path);
  const std::shared_ptr<const FileDescriptor> open =
      open_folders_.Find(folder, [&] { return OpenInRoot(std::string(folder), O_PATH | O_DIRECTORY); });
  if (open != nullptr) {
    const char* const name = path.c_str() + (path.rfind('/') + 1);
    const int no_follow = links_ == LinkPolicy::kFollow ? 0 : O_NOFOLLOW;
    FileDescriptor opened(openat(open->get(), name, kFlags | no_follow | O_CLOEXEC));
    if (opened.valid()) return opened;
    open_folders_.Drop(folder);  // it may have been replaced
  }
  return OpenInRoot(path, kFlags);
}

// A single-chunk file is requested no more often than any other chunk; keeping it open would evict files that
// are still being read.
bool FolderSource::IsKeptOpen(FileIndex file) const {
  const auto [first, end] = manifest_->ChunksOf(file);
  return end.value() - first.value() > 1;
}

absl::Status FolderSource::CheckStamp(FileIndex file) const {
  std::atomic<int64_t>& compared_at_ns = compared_at_ns_[file.value()];
  const int64_t now_ns = absl::ToInt64Nanoseconds(clock_.Uptime());
  int64_t last_ns = compared_at_ns.load(std::memory_order_relaxed);
  if (now_ns - last_ns < kCompareEveryNs ||
      !compared_at_ns.compare_exchange_strong(last_ns, now_ns, std::memory_order_relaxed)) {
    return absl::OkStatus();
  }
  // By path, not by descriptor, so that a replaced file is detected too.
  const std::string path = PathOf(file);
  const absl::StatusOr<FileStamp> stamp = FileStamp::Of(path);
  if (stamp.ok()) {
    const FileStamp::Comparison comparison = stamps_[file.value()].Compare(*stamp);
    doubtful_[file.value()].store(comparison == FileStamp::Comparison::kDoubtful, std::memory_order_relaxed);
    if (comparison != FileStamp::Comparison::kOther) return absl::OkStatus();
  }
  open_files_.Drop(file);  // each later call compares again
  return Changed(path);
}

}  // namespace shoal
