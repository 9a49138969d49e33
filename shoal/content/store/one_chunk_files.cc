#include "shoal/content/store/one_chunk_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "shoal/base/file_io.h"
#include "shoal/base/status_macros.h"
#include "shoal/content/manifest/content_path.h"
#include "shoal/content/publish/open_below.h"

namespace shoal {

OneChunkFiles::OneChunkFiles(std::shared_ptr<const Manifest> manifest, int root, std::string shown_root)
    : manifest_(std::move(manifest)),
      root_(root),
      shown_root_(std::move(shown_root)),
      made_(manifest_->files().size()),
      stamps_(manifest_->files().size()) {}

absl::Status OneChunkFiles::Write(FileIndex file, ByteView bytes) {
  absl::StatusOr<FileDescriptor> made = Make(manifest_->files()[file.value()].path);
  if (absl::IsAlreadyExists(made.status())) return Overwrite(file, bytes);
  if (!made.ok()) return made.status();
  SHOAL_RETURN_IF_ERROR(WriteAt(made->get(), bytes, 0));
  // While it is open: later each would have to be found again by its path.
  struct stat info;
  if (fstat(made->get(), &info) != 0) return absl::OkStatus();
  stamps_[file.value()] = FileStamp::From(info);
  Made expected = Made::kNot;  // unless another thread has overwritten it meanwhile
  made_[file.value()].compare_exchange_strong(expected, Made::kOnce);
  return absl::OkStatus();
}

absl::StatusOr<FileDescriptor> OneChunkFiles::Make(const std::string& path) {
  constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL;
  const std::string folder(FolderOf(path));
  if (!folder.empty()) {
    const std::shared_ptr<const FileDescriptor> open = folders_.Find(folder, [&] {
      return OpenBelow(root_, shown_root_, folder, O_PATH | O_DIRECTORY, MissingFolders::kFail);
    });
    if (open != nullptr) {
      const char* const name = path.c_str() + folder.size() + 1;
      FileDescriptor made(openat(open->get(), name, kFlags | O_NOFOLLOW | O_CLOEXEC, 0666));
      if (made.valid()) return made;
      folders_.Drop(folder);
    }
  }
  return OpenBelow(root_, shown_root_, path, kFlags, MissingFolders::kMake);
}

absl::Status OneChunkFiles::Overwrite(FileIndex file, ByteView bytes) {
  made_[file.value()].store(Made::kAndOverwritten);
  const std::string& path = manifest_->files()[file.value()].path;
  SHOAL_ASSIGN_OR_RETURN(const FileDescriptor opened,
                         OpenBelow(root_, shown_root_, path, O_WRONLY | O_NONBLOCK, MissingFolders::kFail));
  struct stat info;
  if (fstat(opened.get(), &info) != 0)
    return ErrnoStatus(errno, absl::StrCat("cannot look at ", Shown(path)));
  if (!S_ISREG(info.st_mode)) {
    return absl::FailedPreconditionError(
        absl::StrCat(Shown(path), " is in the way: it is no regular file; remove it"));
  }
  if (static_cast<uint64_t>(info.st_size) > bytes.size() &&
      ftruncate(opened.get(), static_cast<off_t>(bytes.size())) != 0) {
    return ErrnoStatus(errno, absl::StrCat("cannot write ", Shown(path)));
  }
  return WriteAt(opened.get(), bytes, 0);
}

std::optional<FileStamp> OneChunkFiles::StampOf(FileIndex file) const {
  if (made_[file.value()].load() != Made::kOnce) return std::nullopt;
  return stamps_[file.value()];
}

std::string OneChunkFiles::Shown(const std::string& path) const {
  return absl::StrCat(shown_root_, "/", path);
}

}  // namespace shoal
