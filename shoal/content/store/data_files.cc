#include "shoal/content/store/data_files.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "shoal/base/file_io.h"
#include "shoal/base/status_macros.h"
#include "shoal/base/units.h"
#include "shoal/content/manifest/content_path.h"
#include "shoal/content/publish/open_below.h"
#include "shoal/content/publish/worker_threads.h"

namespace shoal {
namespace {

// What waits for the sync at the end is about this much, where the disk keeps up.
constexpr uint64_t kSyncEveryBytes = 32 * 1024 * 1024;

// Makes sure that the file's first `length_bytes` bytes have room on the disk, and that it is so long.
// fallocate and not posix_fallocate: where the file system can't, the latter writes to every block. Returns
// an errno value.
int Allocate(int fd, uint64_t length_bytes) {
  for (;;) {
    if (fallocate(fd, 0, 0, static_cast<off_t>(length_bytes)) == 0) return 0;
    if (errno == EINTR) continue;
    if (errno != EOPNOTSUPP && errno != ENOSYS) return errno;
    return ftruncate(fd, static_cast<off_t>(length_bytes)) == 0 ? 0 : errno;
  }
}

// So many files are looked at in one go by one thread.
constexpr size_t kFilesARun = 1024;

// rename that never takes the place of something. Returns an errno value.
int RenameToFree(int from_folder, const std::string& from, int to_folder, const std::string& to) {
  if (renameat2(from_folder, from.c_str(), to_folder, to.c_str(), RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return errno;
  // A file system that can't do both at once: look first.
  struct stat info;
  if (fstatat(to_folder, to.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) return EEXIST;
  return renameat(from_folder, from.c_str(), to_folder, to.c_str()) == 0 ? 0 : errno;
}

}  // namespace

DataFiles::DataFiles(std::shared_ptr<const Manifest> manifest, Names names,
                     std::shared_ptr<SyncThread> sync_thread)
    : manifest_(std::move(manifest)),
      names_(std::move(names)),
      is_final_(manifest_->files().size()),
      there_(manifest_->files().size()),
      kept_(manifest_->files().size()),
      found_(manifest_->chunk_count()),
      early_sync_(kSyncEveryBytes, EarlySync::SyncData, std::move(sync_thread)) {}

absl::StatusOr<std::unique_ptr<DataFiles>> DataFiles::Open(std::shared_ptr<const Manifest> manifest,
                                                           const Names& names,
                                                           std::shared_ptr<SyncThread> sync_thread) {
  std::unique_ptr<DataFiles> files(new DataFiles(std::move(manifest), names, std::move(sync_thread)));
  absl::Status status = files->OpenRoot();
  if (status.ok()) status = files->LookAtFiles();
  if (!status.ok()) {
    if (files->fresh_) (void)Discard(names.output_folder, names.temporary);
    return status;
  }
  return files;
}

absl::Status DataFiles::Discard(const std::string& output_folder, const std::string& temporary_name) {
  const std::string path = absl::StrCat(output_folder, "/", temporary_name);
  std::error_code error;
  std::filesystem::remove_all(path, error);
  return error ? ErrnoStatus(error.value(), absl::StrCat("cannot remove ", path)) : absl::OkStatus();
}

absl::Status DataFiles::OpenRoot() {
  SHOAL_ASSIGN_OR_RETURN(output_, FileDescriptor::Open(names_.output_folder, O_RDONLY | O_DIRECTORY));
  struct stat info;
  fresh_ =
      fstatat(output_.get(), names_.temporary.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT;
  if (manifest_->kind() == Manifest::Kind::kFile) {
    SHOAL_ASSIGN_OR_RETURN(const FileDescriptor file, OpenFile(FileIndex(0), O_RDWR | O_CREAT | O_NONBLOCK));
    if (fstat(file.get(), &info) != 0)
      return ErrnoStatus(errno, absl::StrCat("cannot look at ", Shown(FileIndex(0))));
    fingerprint_ = info.st_ino;
    return absl::OkStatus();
  }
  if (fresh_ && mkdirat(output_.get(), names_.temporary.c_str(), 0777) != 0) {
    fresh_ = false;
    return ErrnoStatus(errno,
                       absl::StrCat("cannot make the folder ", names_.output_folder, "/", names_.temporary));
  }
  SHOAL_ASSIGN_OR_RETURN(root_, OpenBelow(output_.get(), names_.output_folder, names_.temporary,
                                          O_RDONLY | O_DIRECTORY, MissingFolders::kFail));
  one_chunk_files_ = std::make_unique<OneChunkFiles>(
      manifest_, root_.get(), absl::StrCat(names_.output_folder, "/", names_.temporary));
  if (names_.begun_under_final_name) {
    SHOAL_ASSIGN_OR_RETURN(final_, OpenBelow(output_.get(), names_.output_folder, names_.final,
                                             O_RDONLY | O_DIRECTORY, MissingFolders::kFail));
  }
  if (fstat(final_.valid() ? final_.get() : root_.get(), &info) != 0)
    return ErrnoStatus(errno, absl::StrCat("cannot look at ", names_.temporary));
  fingerprint_ = info.st_ino;
  return absl::OkStatus();
}

absl::Status DataFiles::LookAtFiles() {
  if (fresh_ && !final_.valid()) return absl::OkStatus();
  changed_.assign(manifest_->files().size(), absl::InfiniteFuture());
  for (uint32_t file = 0; file < manifest_->files().size(); ++file) {
    SHOAL_RETURN_IF_ERROR(LookAtFile(FileIndex(file)));
  }
  return absl::OkStatus();
}

absl::Status DataFiles::LookAtFile(FileIndex file) {
  const uint32_t i = file.value();
  const char* const path = PathBelowRoot(file).c_str();
  struct stat info;
  is_final_[i] = final_.valid() && fstatat(final_.get(), path, &info, AT_SYMLINK_NOFOLLOW) == 0;
  if (!is_final_[i] && fstatat(RootOf(file), path, &info, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return absl::OkStatus();
    return ErrnoStatus(errno, absl::StrCat("cannot look at ", Shown(file)));
  }
  if (!S_ISREG(info.st_mode)) return InTheWay(file);
  there_[i] = static_cast<uint64_t>(info.st_size) == manifest_->files()[i].length_bytes;
  if (!there_[i]) return absl::OkStatus();
  // The time of the last change and not only of the last writing: that can be set back, and it does not tell
  // when another file was put in this one's place.
  changed_[i] = std::max(absl::TimeFromTimespec(info.st_ctim), absl::TimeFromTimespec(info.st_mtim));
  const auto [first, end] = manifest_->ChunksOf(file);
  return found_.InsertRanges({{first, end.value() - first.value()}});
}

ChunkSet DataFiles::UnchangedSince(absl::Time time) const {
  ChunkSet unchanged(manifest_->chunk_count());
  for (uint32_t file = 0; file < changed_.size(); ++file) {
    if (!there_[file] || changed_[file] > time) continue;
    const auto [first, end] = manifest_->ChunksOf(FileIndex(file));
    for (uint32_t chunk = first.value(); chunk < end.value(); ++chunk) unchanged.Insert(ChunkIndex(chunk));
  }
  return unchanged;
}

absl::Status DataFiles::MakeRoom(const FileSelection& wanted) {
  uint64_t needed_bytes = 0;
  for (uint32_t i = 0; i < manifest_->files().size(); ++i) {
    if (wanted.Wants(FileIndex(i)) && !there_[i]) needed_bytes += manifest_->files()[i].length_bytes;
  }
  SHOAL_RETURN_IF_ERROR(CheckSpace(needed_bytes));
  std::vector<FileIndex> made;
  for (uint32_t i = 0; i < manifest_->files().size(); ++i) {
    const FileIndex file(i);
    if (!wanted.Wants(file) || there_[i] || HasOneChunk(file)) continue;
    const absl::Status status = MakeFile(file);
    if (status.ok()) {
      there_[i] = true;
      made.push_back(file);
      continue;
    }
    for (const FileIndex undone : made) {
      there_[undone.value()] = false;
      (void)unlinkat(RootOf(undone), PathBelowRoot(undone).c_str(), 0);
    }
    return status;
  }
  return absl::OkStatus();
}

absl::Status DataFiles::MakeFile(FileIndex file) {
  SHOAL_ASSIGN_OR_RETURN(FileDescriptor opened, OpenFile(file, O_RDWR | O_CREAT | O_NONBLOCK));
  struct stat info;
  if (fstat(opened.get(), &info) != 0)
    return ErrnoStatus(errno, absl::StrCat("cannot look at ", Shown(file)));
  if (!S_ISREG(info.st_mode)) return InTheWay(file);
  if (info.st_size != 0 && ftruncate(opened.get(), 0) != 0)
    return ErrnoStatus(errno, absl::StrCat("cannot write ", Shown(file)));
  const uint64_t length = manifest_->files()[file.value()].length_bytes;
  const int error = length == 0 ? 0 : Allocate(opened.get(), length);
  if (error == ENOSPC || error == EDQUOT) SHOAL_RETURN_IF_ERROR(CheckSpace(length));
  if (error != 0) {
    return ErrnoStatus(
        error, absl::StrCat("cannot make room for ", FormatBytes(length), " in ", names_.output_folder));
  }
  // The one file of a content stays open, and so can be read while it takes its final name.
  if (!root_.valid()) open_files_.Keep(file, std::move(opened));
  return absl::OkStatus();
}

absl::Status DataFiles::CheckSpace(uint64_t needed_bytes) const {
  struct statvfs info;
  if (needed_bytes == 0 || fstatvfs(output_.get(), &info) != 0) return absl::OkStatus();
  const uint64_t free_bytes = uint64_t{info.f_bavail} * info.f_frsize;
  if (needed_bytes <= free_bytes) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat(
      "the disk of ", names_.output_folder, " is too full: ", FormatBytes(needed_bytes), " needed, ",
      FormatBytes(free_bytes), " free; make room for another ", FormatBytes(needed_bytes - free_bytes)));
}

bool DataFiles::HasOneChunk(FileIndex file) const {
  const auto [first, end] = manifest_->ChunksOf(file);
  return root_.valid() && end.value() - first.value() == 1;
}

int DataFiles::RootOf(FileIndex file) const {
  if (!root_.valid()) return output_.get();
  return IsFinal(file) ? final_.get() : root_.get();
}

const std::string& DataFiles::PathBelowRoot(FileIndex file) const {
  return root_.valid() ? manifest_->files()[file.value()].path : names_.temporary;
}

std::string DataFiles::Shown(FileIndex file) const {
  if (!root_.valid()) return absl::StrCat(names_.output_folder, "/", names_.temporary);
  return absl::StrCat(names_.output_folder, "/", IsFinal(file) ? names_.final : names_.temporary, "/",
                      PathBelowRoot(file));
}

absl::Status DataFiles::InTheWay(FileIndex file) const {
  return absl::FailedPreconditionError(
      absl::StrCat(Shown(file), " is in the way: it is no regular file; remove it"));
}

absl::StatusOr<FileDescriptor> DataFiles::OpenFile(FileIndex file, int flags) const {
  const bool make = root_.valid() && (flags & O_CREAT) != 0;
  const std::string& folder = IsFinal(file) ? names_.final : names_.temporary;
  return OpenBelow(RootOf(file),
                   root_.valid() ? absl::StrCat(names_.output_folder, "/", folder) : names_.output_folder,
                   PathBelowRoot(file), flags, make ? MissingFolders::kMake : MissingFolders::kFail);
}

absl::StatusOr<std::shared_ptr<const FileDescriptor>> DataFiles::OpenShared(FileIndex file) const {
  if (std::shared_ptr<const FileDescriptor> open = open_files_.Find(file)) return open;
  absl::StatusOr<FileDescriptor> opened = OpenFile(file, (IsFinal(file) ? O_RDONLY : O_RDWR) | O_NONBLOCK);
  if (absl::IsNotFound(opened.status()) && final_.valid() && !IsFinal(file)) {
    // It has just taken its final name.
    opened = OpenBelow(final_.get(), names_.final, PathBelowRoot(file), O_RDONLY | O_NONBLOCK,
                       MissingFolders::kFail);
  }
  if (!opened.ok()) return opened.status();
  return open_files_.Keep(file, *std::move(opened));
}

absl::Status DataFiles::Write(ChunkIndex index, ByteView bytes, Rereading rereading) {
  const ChunkPlace place = manifest_->PlaceOf(index);
  if (IsFinal(place.file)) {
    return absl::FailedPreconditionError(
        absl::StrCat(Shown(place.file), " is not the file any more that was downloaded; move it away"));
  }
  if (HasOneChunk(place.file)) return one_chunk_files_->Write(place.file, bytes);
  SHOAL_ASSIGN_OR_RETURN(const std::shared_ptr<const FileDescriptor> file, OpenShared(place.file));
  SHOAL_RETURN_IF_ERROR(rereading == Rereading::kLikely
                            ? WriteAt(file->get(), bytes, place.offset_bytes)
                            : WriteUncachedAt(file->get(), bytes, place.offset_bytes));
  return early_sync_.Wrote(file, bytes.size());
}

absl::StatusOr<FileRegion> DataFiles::Region(ChunkIndex index) const {
  const ChunkPlace place = manifest_->PlaceOf(index);
  SHOAL_ASSIGN_OR_RETURN(std::shared_ptr<const FileDescriptor> file, OpenShared(place.file));
  return FileRegion{std::move(file), place.offset_bytes, place.length_bytes};
}

// --- Sealing: what is whole goes to the disk and takes its final name

absl::StatusOr<std::vector<FileStamp>> DataFiles::Seal(const FileSelection& kept) {
  SHOAL_RETURN_IF_ERROR(RemoveOthers(kept));
  for (uint32_t i = 0; i < kept.size(); ++i) {
    if (kept.Wants(FileIndex(i)) && manifest_->files()[i].executable)
      SHOAL_RETURN_IF_ERROR(MakeExecutable(FileIndex(i)));
  }
  if (root_.valid()) {
    // A folder at one go: a sync per file takes minutes where there are many.
    if (syncfs(root_.get()) != 0) return ErrnoStatus(errno, "cannot bring the download to the disk");
  } else {
    SHOAL_ASSIGN_OR_RETURN(const auto file, OpenShared(FileIndex(0)));
    if (fdatasync(file->get()) != 0) return ErrnoStatus(errno, "cannot bring the download to the disk");
  }
  SHOAL_RETURN_IF_ERROR(early_sync_.Settle());
  std::vector<FileStamp> stamps(kept.size());
  std::atomic<size_t> next{0};
  const size_t runs = (kept.size() + kFilesARun - 1) / kFilesARun;
  const auto threads = static_cast<unsigned>(std::min<size_t>(WorkerThreads(0), runs));
  SHOAL_RETURN_IF_ERROR(RunOnWorkerThreads(threads, [&](const std::atomic<bool>& stop) -> absl::Status {
    while (!stop.load(std::memory_order_relaxed)) {
      const size_t begin = next.fetch_add(kFilesARun, std::memory_order_relaxed);
      for (size_t i = begin; i < std::min(begin + kFilesARun, kept.size()); ++i) {
        const FileIndex file(static_cast<uint32_t>(i));
        if (!kept.Wants(file)) continue;
        SHOAL_ASSIGN_OR_RETURN(stamps[i], StampOf(file));
      }
      if (begin + kFilesARun >= kept.size()) break;
    }
    return absl::OkStatus();
  }));
  return stamps;
}

absl::Status DataFiles::RemoveOthers(const FileSelection& kept) {
  for (uint32_t i = 0; i < kept.size(); ++i) {
    const FileIndex file(i);
    kept_[i] = kept.Wants(file);
    if (kept_[i] || IsFinal(file)) continue;
    open_files_.Drop(file);
    if (unlinkat(RootOf(file), PathBelowRoot(file).c_str(), 0) == 0) {
      there_[i] = false;
      // And the folders that were made for it alone.
      std::string folder(FolderOf(PathBelowRoot(file)));
      while (!folder.empty() && unlinkat(root_.get(), folder.c_str(), AT_REMOVEDIR) == 0) {
        folder = std::string(FolderOf(folder));
      }
    } else if (errno != ENOENT && errno != ENOTDIR) {
      return ErrnoStatus(errno, absl::StrCat("cannot remove ", Shown(file)));
    }
  }
  return absl::OkStatus();
}

absl::Status DataFiles::MakeExecutable(FileIndex file) const {
  SHOAL_ASSIGN_OR_RETURN(const FileDescriptor opened, OpenFile(file, O_RDONLY | O_NONBLOCK));
  struct stat info;
  if (fstat(opened.get(), &info) != 0)
    return ErrnoStatus(errno, absl::StrCat("cannot look at ", Shown(file)));
  // Sets the execute bit where the read bit is set.
  const mode_t mode = (info.st_mode & 07777) | ((info.st_mode & 0444) >> 2);
  if (mode == (info.st_mode & 07777) || fchmod(opened.get(), mode) == 0) return absl::OkStatus();
  return ErrnoStatus(errno, absl::StrCat("cannot make ", Shown(file), " executable"));
}

absl::StatusOr<FileStamp> DataFiles::StampOf(FileIndex file) const {
  if (one_chunk_files_ != nullptr) {
    if (const std::optional<FileStamp> known = one_chunk_files_->StampOf(file)) return *known;
  }
  struct stat info;
  if (fstatat(RootOf(file), PathBelowRoot(file).c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0)
    return ErrnoStatus(errno, absl::StrCat("cannot look at ", Shown(file)));
  return FileStamp::From(info);
}

absl::Status DataFiles::TakeFinalName() {
  if (final_.valid()) {
    SHOAL_RETURN_IF_ERROR(MoveIntoFinalFolder());
  } else {
    const int error = RenameToFree(output_.get(), names_.temporary, output_.get(), names_.final);
    if (error == EEXIST || error == ENOTEMPTY) {
      return absl::AlreadyExistsError(absl::StrCat(names_.output_folder, "/", names_.final,
                                                   " has come into being meanwhile; the download is whole and"
                                                   " lies in ",
                                                   names_.output_folder, "/", names_.temporary));
    }
    if (error != 0) {
      return ErrnoStatus(
          error, absl::StrCat("cannot rename the download to ", names_.output_folder, "/", names_.final));
    }
  }
  // Some network file systems can't sync a folder, and say EINVAL.
  if (fsync(output_.get()) != 0 && errno != EINVAL) {
    return ErrnoStatus(errno, absl::StrCat("cannot sync ", names_.output_folder));
  }
  return absl::OkStatus();
}

absl::Status DataFiles::MoveIntoFinalFolder() {
  const std::string shown_final = absl::StrCat(names_.output_folder, "/", names_.final);
  const std::string shown_root = absl::StrCat(names_.output_folder, "/", names_.temporary);
  // The folders of the file before: most files lie beside it.
  std::string folder;
  FileDescriptor from_folder;
  FileDescriptor to_folder;
  for (uint32_t i = 0; i < manifest_->files().size(); ++i) {
    if (!kept_[i] || is_final_[i]) continue;
    const std::string& path = manifest_->files()[i].path;
    const absl::string_view its_folder = FolderOf(path);
    if (!its_folder.empty() && (!to_folder.valid() || its_folder != folder)) {
      folder = std::string(its_folder);
      constexpr int kFlags = O_PATH | O_DIRECTORY;
      SHOAL_ASSIGN_OR_RETURN(from_folder,
                             OpenBelow(root_.get(), shown_root, folder, kFlags, MissingFolders::kFail));
      SHOAL_ASSIGN_OR_RETURN(to_folder, MakeFolderBelow(final_.get(), shown_final, folder));
    }
    const std::string name = its_folder.empty() ? path : path.substr(its_folder.size() + 1);
    const int error = its_folder.empty() ? RenameToFree(root_.get(), name, final_.get(), name)
                                         : RenameToFree(from_folder.get(), name, to_folder.get(), name);
    if (error == EEXIST) {
      return absl::AlreadyExistsError(absl::StrCat(shown_final, "/", path,
                                                   " has come into being meanwhile; the"
                                                   " download is whole and lies in ",
                                                   shown_root));
    }
    // One that is gone took its name when this was tried before.
    if (error != 0 && error != ENOENT)
      return ErrnoStatus(error, absl::StrCat("cannot rename ", shown_root, "/", path));
  }
  if (syncfs(final_.get()) != 0) return ErrnoStatus(errno, absl::StrCat("cannot sync ", shown_final));
  return Discard(names_.output_folder, names_.temporary);
}

}  // namespace shoal
