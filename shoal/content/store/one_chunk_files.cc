#include "shoal/content/store/one_chunk_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "shoal/base/status_macros.h"
#include "shoal/content/manifest/content_path.h"
#include "shoal/content/publish/open_below.h"

namespace shoal {

OneChunkFiles::OneChunkFiles(std::shared_ptr<const Manifest> manifest, int root, std::string shown_root,
                             const TargetFileSystem& file_system, OwnChanges& own_changes)
    : manifest_(std::move(manifest)),
      root_(root),
      shown_root_(std::move(shown_root)),
      file_system_(file_system),
      own_changes_(own_changes) {}

absl::Status OneChunkFiles::Write(FileIndex file, ByteView bytes) {
  absl::StatusOr<FileDescriptor> made = Make(manifest_->files()[file.value()]);
  if (absl::IsAlreadyExists(made.status())) return Overwrite(file, bytes);
  if (!made.ok()) return made.status();
  SHOAL_RETURN_IF_ERROR(Fill(made->get(), bytes));
  struct stat info;
  if (fstat(made->get(), &info) == 0) own_changes_.Accept(file, info);
  return absl::OkStatus();
}

absl::Status OneChunkFiles::Fill(int fd, ByteView bytes) const {
  if (!IsAllZeros(bytes)) return file_system_.Write(fd, bytes, 0, /*uncached=*/false);
  const int error = file_system_.SetLength(fd, bytes.size());
  return error == 0 ? absl::OkStatus() : ErrnoStatus(error, "cannot write");
}

absl::StatusOr<FileDescriptor> OneChunkFiles::Make(const FileEntry& entry) {
  constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL;
  const std::string& path = entry.path;
  const unsigned mode = entry.executable ? 0777 : 0666;
  const std::string folder(FolderOf(path));
  if (!folder.empty()) {
    const std::shared_ptr<const FileDescriptor> open = folders_.Find(folder, [&] {
      return OpenBelow(root_, shown_root_, folder, O_PATH | O_DIRECTORY, MissingFolders::kFail);
    });
    if (open != nullptr) {
      const char* const name = path.c_str() + folder.size() + 1;
      FileDescriptor made(openat(open->get(), name, kFlags | O_NOFOLLOW | O_CLOEXEC, mode));
      if (made.valid()) return made;
      folders_.Drop(folder);
    }
  }
  return OpenBelow(root_, shown_root_, path, kFlags, MissingFolders::kMake, mode);
}

absl::Status OneChunkFiles::Overwrite(FileIndex file, ByteView bytes) {
  // Another thread may be writing the same file, so how it looks in the end is unknown.
  own_changes_.Doubt(file);
  const std::string& path = manifest_->files()[file.value()].path;
  SHOAL_ASSIGN_OR_RETURN(const FileDescriptor opened,
                         OpenBelow(root_, shown_root_, path, O_WRONLY | O_NONBLOCK, MissingFolders::kFail));
  struct stat info;
  if (fstat(opened.get(), &info) != 0)
    return ErrnoStatus(errno, absl::StrCat("cannot look at ", Shown(path)));
  if (!S_ISREG(info.st_mode)) {
    return absl::FailedPreconditionError(
        absl::StrCat(Shown(path), " is no regular file, but the content has a file there; remove it"));
  }
  if (static_cast<uint64_t>(info.st_size) > bytes.size() &&
      ftruncate(opened.get(), static_cast<off_t>(bytes.size())) != 0) {
    return ErrnoStatus(errno, absl::StrCat("cannot write ", Shown(path)));
  }
  return file_system_.Write(opened.get(), bytes, 0, /*uncached=*/false);
}

std::string OneChunkFiles::Shown(const std::string& path) const {
  return absl::StrCat(shown_root_, "/", path);
}

}  // namespace shoal
