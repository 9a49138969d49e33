#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "shoal/base/status_macros.h"
#include "shoal/content/manifest/content_path.h"
#include "shoal/content/publish/open_below.h"
#include "shoal/content/publish/worker_threads.h"
#include "shoal/content/store/data_files.h"

// The end of DataFiles: what is whole goes to the disk and takes its final name.

namespace shoal {
namespace {

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
  // Whoever may read it may run it.
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
