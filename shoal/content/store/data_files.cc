#include "shoal/content/store/data_files.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "shoal/base/error_cause.h"
#include "shoal/base/mutex.h"
#include "shoal/base/status_macros.h"
#include "shoal/base/units.h"
#include "shoal/content/manifest/content_path.h"
#include "shoal/content/publish/open_below.h"
#include "shoal/content/publish/worker_threads.h"

namespace shoal {
namespace {

// About as much is left for the sync at the end, if the disk is fast enough.
constexpr uint64_t kSyncEveryBytes = 32 * 1024 * 1024;

// A thread takes this many files at a time.
constexpr size_t kFilesARun = 1024;

// A file with more ranges between its holes is not allocated.
constexpr size_t kMaxAllocatedRanges = 1024;

// The chunks of zeros in files of several chunks.
ChunkSet ZeroChunks(const Manifest& manifest) {
  ChunkSet zeros(manifest.chunk_count());
  for (uint32_t file = 0; file < manifest.files().size(); ++file) {
    const auto [first, end] = manifest.ChunksOf(FileIndex(file));
    if (end.value() - first.value() < 2) continue;
    for (uint32_t chunk = first.value(); chunk < end.value(); ++chunk) {
      // The checksum of a short last chunk of zeros costs time per file, so it is computed behind zeros only.
      if (chunk + 1 == end.value() && !zeros.Contains(ChunkIndex(chunk - 1))) continue;
      if (manifest.IsZeroChunk(ChunkIndex(chunk))) zeros.Insert(ChunkIndex(chunk));
    }
  }
  return zeros;
}

using PathBuffer = std::array<char, 4096>;

// Where the kernel finds what is open; empty when /proc does not tell. Does not allocate.
absl::string_view PathOf(int fd, PathBuffer& buffer) {
  std::array<char, 32> link;
  (void)snprintf(link.data(), link.size(), "/proc/self/fd/%d", fd);
  const ssize_t length = readlink(link.data(), buffer.data(), buffer.size());
  if (length <= 0 || static_cast<size_t>(length) == buffer.size()) return {};
  return {buffer.data(), static_cast<size_t>(length)};
}

std::string PathOf(int fd) {
  PathBuffer buffer;
  return std::string(PathOf(fd, buffer));
}

constexpr absl::string_view kDeleted = " (deleted)";

absl::Status Gone(const std::string& what, absl::string_view now) {
  const std::string how =
      absl::EndsWith(now, kDeleted)
          ? " was removed during the download; run the same command again to start from the beginning"
          : absl::StrCat(" was renamed to ", now, " during the download; rename it back and run the same",
                         " command again to continue");
  return WithCause(absl::DataLossError(absl::StrCat(what, how)), ErrorCause::kTargetGone);
}

// `error` of an open below a final folder whose files are repaired.
bool IsOtherKind(const absl::Status& status) {
  return absl::EndsWith(status.message(), strerrordesc_np(ENOTDIR)) ||
         absl::EndsWith(status.message(), strerrordesc_np(ELOOP));
}

}  // namespace

DataFiles::DataFiles(std::shared_ptr<const Manifest> manifest, Names names, FileDescriptor output,
                     std::shared_ptr<SyncThread> sync_thread, std::shared_ptr<CloseWatch> close_watch,
                     std::shared_ptr<const TargetFileSystem> file_system)
    : manifest_(std::move(manifest)),
      names_(std::move(names)),
      output_(std::move(output)),
      is_final_(manifest_->files().size()),
      there_(manifest_->files().size()),
      kept_(manifest_->files().size()),
      moved_(manifest_->files().size()),
      zeros_(ZeroChunks(*manifest_)),
      found_(manifest_->chunk_count()),
      output_path_(PathOf(output_.get())),
      file_system_(std::move(file_system)),
      own_changes_(manifest_->files().size(), TimesAreLocal(output_.get()), std::move(close_watch)),
      early_sync_(kSyncEveryBytes, EarlySync::SyncData, std::move(sync_thread)) {}

absl::StatusOr<std::unique_ptr<DataFiles>> DataFiles::Open(
    std::shared_ptr<const Manifest> manifest, const Names& names, std::shared_ptr<SyncThread> sync_thread,
    std::shared_ptr<CloseWatch> close_watch, std::shared_ptr<const TargetFileSystem> file_system) {
  if (file_system == nullptr) file_system = std::make_shared<const TargetFileSystem>(names.output_folder);
  SHOAL_ASSIGN_OR_RETURN(FileDescriptor output,
                         FileDescriptor::Open(names.output_folder, O_RDONLY | O_DIRECTORY));
  std::unique_ptr<DataFiles> files(new DataFiles(std::move(manifest), names, std::move(output),
                                                 std::move(sync_thread), std::move(close_watch),
                                                 std::move(file_system)));
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
  const std::string shown_root = absl::StrCat(names_.output_folder, "/", names_.temporary);
  if (fresh_ && mkdirat(output_.get(), names_.temporary.c_str(), 0777) != 0) {
    fresh_ = false;
    return file_system_->DiskStatus(errno, absl::StrCat("cannot make the folder ", shown_root));
  }
  SHOAL_ASSIGN_OR_RETURN(root_, OpenBelow(output_.get(), names_.output_folder, names_.temporary,
                                          O_RDONLY | O_DIRECTORY, MissingFolders::kFail));
  one_chunk_files_ =
      std::make_unique<OneChunkFiles>(manifest_, root_.get(), shown_root, *file_system_, own_changes_);
  if (fstat(root_.get(), &info) != 0) return ErrnoStatus(errno, absl::StrCat("cannot look at ", shown_root));
  fingerprint_ = info.st_ino;
  if (names_.under_final == Final::kNothing) return absl::OkStatus();

  const std::string shown_final = absl::StrCat(names_.output_folder, "/", names_.final);
  absl::StatusOr<FileDescriptor> final = OpenBelow(output_.get(), names_.output_folder, names_.final,
                                                   O_RDONLY | O_DIRECTORY, MissingFolders::kFail);
  if (!final.ok() && IsOtherKind(final.status())) {
    return absl::AlreadyExistsError(
        absl::StrCat(shown_final, " is no folder, but the content is one; move it away"));
  }
  if (!final.ok()) return final.status();
  final_ = *std::move(final);
  if (fstat(final_.get(), &info) != 0)
    return ErrnoStatus(errno, absl::StrCat("cannot look at ", shown_final));
  final_fingerprint_ = info.st_ino;
  if (names_.under_final == Final::kOwn) fingerprint_ = final_fingerprint_;
  return absl::OkStatus();
}

absl::Status DataFiles::LookAtFiles() {
  const uint32_t files = static_cast<uint32_t>(manifest_->files().size());
  if (!fresh_ || names_.under_final == Final::kOwn) {
    changed_.assign(files, absl::InfiniteFuture());
    for (uint32_t file = 0; file < files; ++file) SHOAL_RETURN_IF_ERROR(LookAtFile(FileIndex(file)));
  }
  if (names_.under_final == Final::kRepaired) {
    for (uint32_t file = 0; file < files; ++file) SHOAL_RETURN_IF_ERROR(LookAtOldFile(FileIndex(file)));
  }
  return absl::OkStatus();
}

absl::Status DataFiles::LookAtFile(FileIndex file) {
  const uint32_t i = file.value();
  const char* const path = PathBelowRoot(file).c_str();
  struct stat info;
  is_final_[i] =
      names_.under_final == Final::kOwn && fstatat(final_.get(), path, &info, AT_SYMLINK_NOFOLLOW) == 0;
  if (!is_final_[i] && fstatat(RootOf(file), path, &info, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return absl::OkStatus();
    return ErrnoStatus(errno, absl::StrCat("cannot look at ", Shown(file)));
  }
  if (!S_ISREG(info.st_mode)) return InTheWay(file);
  there_[i] = static_cast<uint64_t>(info.st_size) == manifest_->files()[i].length_bytes;
  if (!there_[i]) return absl::OkStatus();
  own_changes_.Accept(file, info);
  // ctime as well as mtime: programs can set mtime back, and replacing a file by rename leaves its mtime.
  changed_[i] = std::max(absl::TimeFromTimespec(info.st_ctim), absl::TimeFromTimespec(info.st_mtim));
  const auto [first, end] = manifest_->ChunksOf(file);
  return found_.InsertRanges({{first, end.value() - first.value()}});
}

// --- Repair: files of whatever origin under the final name

absl::Status DataFiles::LookAtOldFile(FileIndex file) {
  const std::string& path = root_.valid() ? manifest_->files()[file.value()].path : names_.final;
  const std::string shown =
      absl::StrCat(names_.output_folder, "/", root_.valid() ? names_.final + "/" : "", path);
  const absl::Status other_kind = absl::AlreadyExistsError(
      absl::StrCat(shown, " is no regular file, but the content has a file there; move it away"));
  const absl::StatusOr<FileDescriptor> old =
      OpenBelow(root_.valid() ? final_.get() : output_.get(),
                absl::StrCat(names_.output_folder, root_.valid() ? "/" + names_.final : ""), path, O_PATH,
                MissingFolders::kFail);
  if (absl::IsNotFound(old.status())) return absl::OkStatus();
  if (!old.ok()) return IsOtherKind(old.status()) ? other_kind : old.status();
  struct stat info;
  if (fstat(old->get(), &info) != 0) return ErrnoStatus(errno, absl::StrCat("cannot look at ", shown));
  if (!S_ISREG(info.st_mode)) return other_kind;
  old_[file.value()] = {FileStamp::From(info), info.st_mode & 07777};
  return absl::OkStatus();
}

ChunkSet DataFiles::old_chunks() const {
  ChunkSet chunks(manifest_->chunk_count());
  for (const auto& [file, old] : old_) {
    const auto [first, end] = manifest_->ChunksOf(FileIndex(file));
    for (uint32_t chunk = first.value(); chunk < end.value(); ++chunk) {
      const ChunkPlace place = manifest_->PlaceOf(ChunkIndex(chunk));
      if (place.offset_bytes + place.length_bytes > old.stamp.length_bytes) break;
      chunks.Insert(ChunkIndex(chunk));
    }
  }
  return chunks;
}

absl::StatusOr<FileRegion> DataFiles::OldRegion(ChunkIndex index) const {
  const ChunkPlace place = manifest_->PlaceOf(index);
  constexpr int kFlags = O_RDONLY | O_NONBLOCK;
  absl::StatusOr<FileDescriptor> opened =
      root_.valid()
          ? OpenBelow(final_.get(), names_.final, PathBelowRoot(place.file), kFlags, MissingFolders::kFail)
          : OpenBelow(output_.get(), names_.output_folder, names_.final, kFlags, MissingFolders::kFail);
  if (!opened.ok()) return opened.status();
  return FileRegion{std::make_shared<const FileDescriptor>(*std::move(opened)), place.offset_bytes,
                    place.length_bytes};
}

FileSelection DataFiles::KeepComplete(const ChunkSet& valid) {
  FileSelection complete = FileSelection::None(*manifest_);
  for (auto it = old_.begin(); it != old_.end();) {
    const FileIndex file(it->first);
    const auto [first, end] = manifest_->ChunksOf(file);
    bool all = it->second.stamp.length_bytes == manifest_->files()[file.value()].length_bytes;
    for (uint32_t chunk = first.value(); all && chunk < end.value(); ++chunk)
      all = valid.Contains(ChunkIndex(chunk));
    struct stat info;
    if (!all || fstatat(final_.get(), PathBelowRoot(file).c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0 ||
        FileStamp::From(info) != it->second.stamp) {
      ++it;
      continue;
    }
    complete.Set(file, true);
    is_final_[file.value()] = true;
    there_[file.value()] = true;
    own_changes_.Accept(file, info);
    old_.erase(it++);
  }
  return complete;
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
    if (wanted.Wants(FileIndex(i)) && !there_[i]) needed_bytes += AllocatedBytes(FileIndex(i));
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
  const int error = length == 0 ? 0 : ReserveSpace(file, opened.get());
  if (error == ENOSPC || error == EDQUOT) SHOAL_RETURN_IF_ERROR(CheckSpace(AllocatedBytes(file)));
  if (error != 0)
    return file_system_->DiskStatus(error, absl::StrCat("cannot make room for ", FormatBytes(length)));
  if (fstat(opened.get(), &info) != 0)
    return ErrnoStatus(errno, absl::StrCat("cannot look at ", Shown(file)));
  own_changes_.Accept(file, info);
  // The file of a single-file content stays open, so that it can be read while it is renamed.
  if (!root_.valid()) {
    own_changes_.Opened(file, opened.get());
    open_files_.Keep(file, std::move(opened));
  }
  return absl::OkStatus();
}

uint64_t DataFiles::AllocatedBytes(FileIndex file) const {
  uint64_t bytes = manifest_->files()[file.value()].length_bytes;
  if (zeros_.empty()) return bytes;
  const auto [first, end] = manifest_->ChunksOf(file);
  for (uint32_t chunk = first.value(); chunk < end.value(); ++chunk) {
    if (zeros_.Contains(ChunkIndex(chunk))) bytes -= manifest_->PlaceOf(ChunkIndex(chunk)).length_bytes;
  }
  return bytes;
}

int DataFiles::ReserveSpace(FileIndex file, int fd) const {
  const uint64_t length = manifest_->files()[file.value()].length_bytes;
  if (AllocatedBytes(file) == length) return file_system_->Allocate(fd, length);
  if (const int error = file_system_->SetLength(fd, length); error != 0) return error;
  struct Range {
    uint64_t offset = 0;
    uint64_t length = 0;
  };
  std::vector<Range> ranges;
  const auto [first, end] = manifest_->ChunksOf(file);
  for (uint32_t chunk = first.value(); chunk < end.value(); ++chunk) {
    if (zeros_.Contains(ChunkIndex(chunk))) continue;
    const ChunkPlace place = manifest_->PlaceOf(ChunkIndex(chunk));
    if (!ranges.empty() && ranges.back().offset + ranges.back().length == place.offset_bytes) {
      ranges.back().length += place.length_bytes;
    } else {
      ranges.push_back({place.offset_bytes, place.length_bytes});
    }
  }
  if (ranges.size() > kMaxAllocatedRanges) return 0;
  for (const Range& range : ranges) {
    if (const int error = file_system_->AllocateRange(fd, range.offset, range.length); error != 0)
      return error;
  }
  return 0;
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
      absl::StrCat(Shown(file), " is no regular file, but the content has a file there; remove it"));
}

absl::StatusOr<FileDescriptor> DataFiles::OpenFile(FileIndex file, int flags) const {
  const bool make = root_.valid() && (flags & O_CREAT) != 0;
  const std::string& folder = IsFinal(file) ? names_.final : names_.temporary;
  // The umask decides about the executable bits, as it does for the others.
  return OpenBelow(RootOf(file),
                   root_.valid() ? absl::StrCat(names_.output_folder, "/", folder) : names_.output_folder,
                   PathBelowRoot(file), flags, make ? MissingFolders::kMake : MissingFolders::kFail,
                   manifest_->files()[file.value()].executable ? 0777 : 0666);
}

absl::StatusOr<std::shared_ptr<const FileDescriptor>> DataFiles::OpenShared(FileIndex file) const {
  if (std::shared_ptr<const FileDescriptor> open = open_files_.Find(file)) return open;
  absl::StatusOr<FileDescriptor> opened = OpenFile(file, (IsFinal(file) ? O_RDONLY : O_RDWR) | O_NONBLOCK);
  if (opened.ok() && !IsFinal(file)) own_changes_.Opened(file, opened->get());
  if (absl::IsNotFound(opened.status()) && final_.valid() && !IsFinal(file)) {
    // It was renamed to its final name just now.
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
        absl::StrCat(Shown(place.file), " is no longer the file that was downloaded; move it away"));
  }
  const auto failed = [&](const absl::Status& status) {
    return file_system_->DiskStatus(status, absl::StrCat("cannot write ", Shown(place.file)));
  };
  if (HasOneChunk(place.file)) {
    const absl::Status written = one_chunk_files_->Write(place.file, bytes);
    return written.ok() ? written : failed(written);
  }
  SHOAL_ASSIGN_OR_RETURN(const std::shared_ptr<const FileDescriptor> file, OpenShared(place.file));
  own_changes_.Begin(place.file, file->get());
  const absl::Status written =
      IsAllZeros(bytes)
          ? file_system_->WriteZeros(file->get(), bytes, place.offset_bytes)
          : file_system_->Write(file->get(), bytes, place.offset_bytes, rereading == Rereading::kUnlikely);
  own_changes_.End(place.file, file->get());
  if (!written.ok()) return failed(written);
  return early_sync_.Wrote(file, bytes.size());
}

absl::StatusOr<FileRegion> DataFiles::Region(ChunkIndex index) const {
  const ChunkPlace place = manifest_->PlaceOf(index);
  SHOAL_ASSIGN_OR_RETURN(std::shared_ptr<const FileDescriptor> file, OpenShared(place.file));
  return FileRegion{std::move(file), place.offset_bytes, place.length_bytes};
}

absl::Status DataFiles::CheckFolder() const {
  struct stat open, by_path;
  if (fstat(output_.get(), &open) != 0) return ErrnoStatus(errno, names_.output_folder);
  if (stat(names_.output_folder.c_str(), &by_path) == 0 && open.st_dev == by_path.st_dev &&
      open.st_ino == by_path.st_ino) {
    return absl::OkStatus();
  }
  return WithCause(
      absl::DataLossError(absl::StrCat("the output folder ", names_.output_folder,
                                       " is another folder now: something was mounted or unmounted there, or "
                                       "a link was switched, during the "
                                       "download; undo that and run the same command again to continue")),
      ErrorCause::kTargetGone);
}

absl::Status DataFiles::CheckPlace() const {
  PathBuffer buffer;
  const absl::string_view output = PathOf(output_.get(), buffer);
  if (!output.empty() && !output_path_.empty() && output != output_path_) {
    // A folder that was unmounted has another path too, where it is not.
    struct stat open, there;
    const bool is_there = !absl::EndsWith(output, kDeleted) && fstat(output_.get(), &open) == 0 &&
                          stat(std::string(output).c_str(), &there) == 0 && open.st_dev == there.st_dev &&
                          open.st_ino == there.st_ino;
    if (!is_there && !absl::EndsWith(output, kDeleted)) return CheckFolder();
    return Gone(absl::StrCat("the output folder ", names_.output_folder), output);
  }
  struct stat info;
  if (fstatat(output_.get(), names_.temporary.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT)
    return absl::OkStatus();
  // Another file or folder in its place would have been found.
  absl::string_view now;
  if (root_.valid()) {
    now = PathOf(root_.get(), buffer);
  } else if (const auto file = open_files_.Find(FileIndex(0)); file != nullptr) {
    now = PathOf(file->get(), buffer);
  }
  if (now.empty()) now = kDeleted;
  return Gone(absl::StrCat("the unfinished download ", names_.output_folder, "/", names_.temporary), now);
}

// --- Finishing: sync, then the final name

ContentEntries::OtherLinks DataFiles::OtherLinks() const {
  return names_.under_final == Final::kOwn ? ContentEntries::OtherLinks::kRefuse
                                           : ContentEntries::OtherLinks::kReplace;
}

absl::Status DataFiles::CheckEntries(const ContentEntries::Wants& wants_entry) const {
  if (!final_.valid()) return absl::OkStatus();
  const std::string shown = absl::StrCat(names_.output_folder, "/", names_.final);
  return ContentEntries(*manifest_, final_.get(), shown, *file_system_).Check(wants_entry, OtherLinks());
}

absl::StatusOr<DataFiles::Sealed> DataFiles::Seal(const FileSelection& kept,
                                                  ContentEntries::Wants wants_entry) {
  wants_entry_ = std::move(wants_entry);
  SHOAL_RETURN_IF_ERROR(RemoveOthers(kept));
  for (uint32_t i = 0; i < kept.size(); ++i) {
    if (kept.Wants(FileIndex(i)) && NeedsMode(FileIndex(i))) SHOAL_RETURN_IF_ERROR(SetMode(FileIndex(i)));
  }
  // Beside the files, which nothing reaches through a link.
  if (root_.valid() && !final_.valid()) {
    const std::string shown = absl::StrCat(names_.output_folder, "/", names_.temporary);
    SHOAL_RETURN_IF_ERROR(
        ContentEntries(*manifest_, root_.get(), shown, *file_system_).Make(wants_entry_, OtherLinks()));
  }
  int error = 0;
  if (root_.valid()) {
    // One call for the whole folder: a sync per file takes minutes when there are many files.
    error = file_system_->SyncAll(root_.get());
  } else {
    SHOAL_ASSIGN_OR_RETURN(const auto file, OpenShared(FileIndex(0)));
    if (fdatasync(file->get()) != 0) error = errno;
  }
  if (error != 0) return file_system_->DiskStatus(error, "cannot sync the download to the disk");
  SHOAL_RETURN_IF_ERROR(early_sync_.Settle());
  // After the sync, which can take long.
  Sealed sealed;
  sealed.stamps.resize(kept.size());
  Mutex mutex;
  std::atomic<size_t> next{0};
  const size_t runs = (kept.size() + kFilesARun - 1) / kFilesARun;
  const auto threads = static_cast<unsigned>(std::min<size_t>(WorkerThreads(0), runs));
  SHOAL_RETURN_IF_ERROR(RunOnWorkerThreads(threads, [&](const std::atomic<bool>& stop) -> absl::Status {
    while (!stop.load(std::memory_order_relaxed)) {
      const size_t begin = next.fetch_add(kFilesARun, std::memory_order_relaxed);
      for (size_t i = begin; i < std::min(begin + kFilesARun, kept.size()); ++i) {
        const FileIndex file(static_cast<uint32_t>(i));
        if (!kept.Wants(file)) continue;
        struct stat info;
        const absl::Status looked = Stat(file, info);
        if (looked.ok()) {
          sealed.stamps[i] = FileStamp::From(info);
          if (!own_changes_.IsTouched(file, info, /*is_open=*/open_files_.Find(file) != nullptr)) continue;
        } else if (!absl::IsNotFound(looked)) {
          return looked;
        }
        MutexLock lock(&mutex);
        sealed.touched.push_back(file);
      }
      if (begin + kFilesARun >= kept.size()) break;
    }
    return absl::OkStatus();
  }));
  return sealed;
}

absl::Status DataFiles::Restore(FileIndex file) {
  const uint64_t length = manifest_->files()[file.value()].length_bytes;
  open_files_.Drop(file);
  struct stat info;
  const absl::Status looked = Stat(file, info);
  const bool there = looked.ok() && S_ISREG(info.st_mode);
  if (IsFinal(file) || moved_[file.value()]) {
    if (!there || static_cast<uint64_t>(info.st_size) != length) {
      return absl::AlreadyExistsError(
          absl::StrCat(Shown(file), " is no longer the file that was downloaded; move it away"));
    }
    own_changes_.Accept(file, info);
    return absl::OkStatus();
  }
  // A file with a second name belongs to another program too, and is not written to.
  if (!there || info.st_nlink > 1) {
    if (unlinkat(RootOf(file), PathBelowRoot(file).c_str(), 0) != 0 && errno != ENOENT && errno != ENOTDIR)
      return InTheWay(file);
    own_changes_.Doubt(file);
    there_[file.value()] = false;
    if (HasOneChunk(file)) return absl::OkStatus();
    SHOAL_RETURN_IF_ERROR(MakeFile(file));
    there_[file.value()] = true;
    if (!root_.valid() && Stat(file, info).ok()) fingerprint_ = info.st_ino;
    return absl::OkStatus();
  }
  SHOAL_ASSIGN_OR_RETURN(const FileDescriptor opened, OpenFile(file, O_RDWR | O_NONBLOCK));
  if (static_cast<uint64_t>(info.st_size) != length) {
    const int error = file_system_->SetLength(opened.get(), length);
    if (error != 0) return file_system_->DiskStatus(error, absl::StrCat("cannot write ", Shown(file)));
  }
  if (fstat(opened.get(), &info) != 0)
    return ErrnoStatus(errno, absl::StrCat("cannot look at ", Shown(file)));
  own_changes_.Accept(file, info);
  if (!root_.valid()) fingerprint_ = info.st_ino;
  return absl::OkStatus();
}

absl::Status DataFiles::RemoveOthers(const FileSelection& kept) {
  for (uint32_t i = 0; i < kept.size(); ++i) {
    const FileIndex file(i);
    kept_[i] = kept.Wants(file);
    if (kept_[i] || IsFinal(file)) continue;
    open_files_.Drop(file);
    if (unlinkat(RootOf(file), PathBelowRoot(file).c_str(), 0) == 0) {
      there_[i] = false;
      // Its parents too, as far as they are empty now.
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

bool DataFiles::NeedsMode(FileIndex file) const {
  return manifest_->files()[file.value()].executable || old_.contains(file.value());
}

absl::Status DataFiles::SetMode(FileIndex file) {
  absl::StatusOr<FileDescriptor> opened = OpenFile(file, O_RDONLY | O_NONBLOCK);
  if (!opened.ok()) {
    // Found to be touched later.
    return absl::IsNotFound(opened.status()) ? absl::OkStatus() : opened.status();
  }
  struct stat info;
  if (fstat(opened->get(), &info) != 0)
    return ErrnoStatus(errno, absl::StrCat("cannot look at ", Shown(file)));
  mode_t mode = info.st_mode & 07777;
  if (const auto old = old_.find(file.value()); old != old_.end()) mode = old->second.mode;
  // Of a file that was not created as an executable one: everyone who may read it may execute it.
  if (manifest_->files()[file.value()].executable && (mode & S_IXUSR) == 0) mode |= (mode & 0444) >> 2;
  if (mode == (info.st_mode & 07777)) return absl::OkStatus();
  const bool touched = own_changes_.IsTouched(file, info);
  const int error = file_system_->SetMode(opened->get(), mode);
  if (error != 0)
    return file_system_->DiskStatus(error, absl::StrCat("cannot set the mode of ", Shown(file)));
  if (!touched && fstat(opened->get(), &info) == 0) own_changes_.Accept(file, info);
  return absl::OkStatus();
}

absl::Status DataFiles::Stat(FileIndex file, struct stat& info) const {
  const int root = moved_[file.value()] ? final_.get() : RootOf(file);
  if (fstatat(root, PathBelowRoot(file).c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) return absl::OkStatus();
  return ErrnoStatus(errno, absl::StrCat("cannot look at ", Shown(file)));
}

void DataFiles::Restamp(std::vector<FileStamp>& stamps) const {
  for (uint32_t i = 0; i < stamps.size(); ++i) {
    if (root_.valid() && !moved_[i]) continue;
    struct stat info;
    const int found =
        root_.valid() ? fstatat(final_.get(), manifest_->files()[i].path.c_str(), &info, AT_SYMLINK_NOFOLLOW)
                      : fstatat(output_.get(), names_.final.c_str(), &info, AT_SYMLINK_NOFOLLOW);
    if (found != 0) continue;
    const FileStamp now = FileStamp::From(info);
    if (stamps[i].Compare(now) != FileStamp::Comparison::kOther) stamps[i] = now;
  }
}

int DataFiles::Rename(FileIndex file, int from_folder, const std::string& from, int to_folder,
                      const std::string& to) {
  const auto old = old_.find(file.value());
  struct stat info;
  if (old == old_.end() || fstatat(to_folder, to.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0)
    return file_system_->RenameToFree(from_folder, from, to_folder, to);
  // Only the file that was found at the start is replaced.
  if (old->second.stamp.Compare(FileStamp::From(info)) == FileStamp::Comparison::kOther) return EEXIST;
  return renameat(from_folder, from.c_str(), to_folder, to.c_str()) == 0 ? 0 : errno;
}

absl::Status DataFiles::TakeFinalName() {
  if (final_.valid()) {
    SHOAL_RETURN_IF_ERROR(MoveIntoFinalFolder());
  } else {
    const int error = Rename(FileIndex(0), output_.get(), names_.temporary, output_.get(), names_.final);
    if (error == EEXIST || error == ENOTEMPTY) {
      return absl::AlreadyExistsError(
          absl::StrCat(names_.output_folder, "/", names_.final,
                       " was created meanwhile by another program; the download is"
                       " complete in ",
                       names_.output_folder, "/", names_.temporary));
    }
    if (error != 0) {
      return file_system_->DiskStatus(
          error, absl::StrCat("cannot rename the download to ", names_.output_folder, "/", names_.final));
    }
  }
  own_changes_.StopWatching();
  // Some network file systems can't sync a folder.
  if (fsync(output_.get()) != 0 && !IsUnsupported(errno))
    return file_system_->DiskStatus(errno, absl::StrCat("cannot sync ", names_.output_folder));
  return absl::OkStatus();
}

absl::Status DataFiles::MoveIntoFinalFolder() {
  const std::string shown_final = absl::StrCat(names_.output_folder, "/", names_.final);
  const std::string shown_root = absl::StrCat(names_.output_folder, "/", names_.temporary);
  // The folders of the previous file: most files lie beside it.
  std::string folder;
  FileDescriptor from_folder;
  FileDescriptor to_folder;
  for (uint32_t i = 0; i < manifest_->files().size(); ++i) {
    if (!kept_[i] || is_final_[i] || moved_[i]) continue;
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
    const int from = its_folder.empty() ? root_.get() : from_folder.get();
    const int to = its_folder.empty() ? final_.get() : to_folder.get();
    const int error = Rename(FileIndex(i), from, name, to, name);
    if (error == EEXIST) {
      return absl::AlreadyExistsError(absl::StrCat(shown_final, "/", path,
                                                   " was created meanwhile by another"
                                                   " program; the download is complete in ",
                                                   shown_root));
    }
    if (error != 0)
      return file_system_->DiskStatus(error, absl::StrCat("cannot rename ", shown_root, "/", path));
    moved_[i] = true;
  }
  SHOAL_RETURN_IF_ERROR(
      ContentEntries(*manifest_, final_.get(), shown_final, *file_system_).Make(wants_entry_, OtherLinks()));
  if (const int error = file_system_->SyncAll(final_.get()); error != 0)
    return file_system_->DiskStatus(error, absl::StrCat("cannot sync ", shown_final));
  return Discard(names_.output_folder, names_.temporary);
}

}  // namespace shoal
