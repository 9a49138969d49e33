#include "shoal/content/publish/folder_source.h"

#include <fcntl.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "shoal/base/status_macros.h"
#include "shoal/content/manifest/content_path.h"

namespace shoal {
namespace {

constexpr int64_t kCompareEveryNs = 1'000'000'000;
// Not to hang when the file has become a pipe.
constexpr int kFlags = O_RDONLY | O_NONBLOCK | O_NOCTTY;

absl::Status Changed(const std::string& path) {
  return absl::FailedPreconditionError(absl::StrCat(path, " is not the file any more that was hashed"));
}

}  // namespace

FolderSource::FolderSource(std::shared_ptr<const Manifest> manifest, std::string root,
                           std::vector<FileStamp> stamps, const Clock& clock)
    : manifest_(std::move(manifest)),
      root_(std::move(root)),
      stamps_(std::move(stamps)),
      clock_(clock),
      compared_at_ns_(manifest_->files().size()) {}

std::string FolderSource::PathOf(FileIndex file) const {
  return absl::StrCat(root_, "/", manifest_->files()[file.value()].path);
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
  return FileRegion{std::move(descriptor), place.offset_bytes, place.length_bytes};
}

absl::StatusOr<std::shared_ptr<const FileDescriptor>> FolderSource::OpenFile(FileIndex file) const {
  const std::string path = PathOf(file);
  const int64_t now_ns = absl::ToInt64Nanoseconds(clock_.Uptime());
  absl::StatusOr<FileDescriptor> opened =
      IsKeptOpen(file) ? FileDescriptor::Open(path, kFlags) : OpenOnce(file, path);
  if (!opened.ok()) {
    if (absl::IsNotFound(opened.status())) return Changed(path);
    return opened.status();
  }
  struct stat info;
  if (fstat(opened->get(), &info) != 0) return ErrnoStatus(errno, absl::StrCat("cannot look at ", path));
  if (!S_ISREG(info.st_mode) || FileStamp::From(info) != stamps_[file.value()]) return Changed(path);
  compared_at_ns_[file.value()].store(now_ns, std::memory_order_relaxed);
  if (!IsKeptOpen(file)) return std::make_shared<const FileDescriptor>(*std::move(opened));
  return open_files_.Keep(file, *std::move(opened));
}

absl::StatusOr<FileDescriptor> FolderSource::OpenOnce(FileIndex file, const std::string& path) const {
  const absl::string_view folder = FolderOf(manifest_->files()[file.value()].path);
  const std::shared_ptr<const FileDescriptor> open = open_folders_.Find(
      folder, [&] { return FileDescriptor::Open(absl::StrCat(root_, "/", folder), O_PATH | O_DIRECTORY); });
  if (open != nullptr) {
    const char* const name = path.c_str() + path.rfind('/') + 1;
    FileDescriptor opened(openat(open->get(), name, kFlags | O_CLOEXEC));
    if (opened.valid()) return opened;
    open_folders_.Drop(folder);  // another may have taken its place
  }
  return FileDescriptor::Open(path, kFlags);
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
  // By path and not by descriptor: a file that was put in this one's place is noticed too.
  const std::string path = PathOf(file);
  const absl::StatusOr<FileStamp> stamp = FileStamp::Of(path);
  if (stamp.ok() && *stamp == stamps_[file.value()]) return absl::OkStatus();
  open_files_.Drop(file);  // so that each later call compares again
  return Changed(path);
}

}  // namespace shoal
